import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A span of time is rolled up some groups at a time. */
export class RollUpsInPieces1764300000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE roll_ups
        -- The end of the span of which some groups are made, and the last of those.
        ADD COLUMN begun_until timestamptz,
        ADD COLUMN after_group int`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE roll_ups DROP COLUMN begun_until, DROP COLUMN after_group');
  }
}
