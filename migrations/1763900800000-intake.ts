import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What the intake needs to see at a glance that an alert is the same again. */
export class Intake1763900800000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Of value, labels, annotations and raw; NULL: it is written anew when it is seen again.
      ALTER TABLE alerts ADD content text;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE alerts DROP content');
  }
}
