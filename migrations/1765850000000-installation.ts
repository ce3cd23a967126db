import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Which database this is, as PostgreSQL told it the last time the program looked: what is restored says so by being
 * another one. Executions that were open in it wait, `held`, for a person.
 */
export class Installation1765850000000 implements MigrationInterface {
  readonly worksWith = 'NewestMatches1764600000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE installation (
        is_only bool PRIMARY KEY DEFAULT true CHECK (is_only),
        -- Of the cluster, the database and this table; NULL where nobody has looked yet.
        system_identifier text,
        database_oid bigint,
        table_oid bigint,
        -- When it was found that the database was restored, and what the backup knew last; until a person lets it go on.
        restored_at timestamptz,
        restored_from timestamptz
      ) WITH (fillfactor = 50);
      INSERT INTO installation DEFAULT VALUES;
      CREATE INDEX executions_restored ON executions (id) WHERE status = 'held';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX executions_restored; DROP TABLE installation;');
  }
}
