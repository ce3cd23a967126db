import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What older programs may know of migrations that are newer than they; and where readiness writes, to see that it can. */
export class SchemaVersions1764400000000 implements MigrationInterface {
  readonly worksWith = 'RollUpsInPieces1764300000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Who knows the migration "works_with" may go on beside "migration" without knowing that one.
      CREATE TABLE schema_versions (migration text PRIMARY KEY, works_with text NOT NULL);

      -- A few rows that are written again and again: there is room for that in their page.
      CREATE TABLE readiness_writes (slot int PRIMARY KEY, at timestamptz NOT NULL) WITH (fillfactor = 50);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE readiness_writes; DROP TABLE schema_versions');
  }
}
