import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Definitions that files are the source of: which of them, by whom and in which version they were applied last. A row
 * outlives its definition where somebody else deleted that. The rules directory has one row of state.
 */
export class ManagedDefinitions1765900000000 implements MigrationInterface {
  readonly worksWith = 'NewestMatches1764600000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE managed_definitions (
      definition_id uuid PRIMARY KEY, kind text NOT NULL, name text NOT NULL, manager text NOT NULL, version int NOT NULL)`);
    await runner.query(
      'CREATE INDEX managed_definitions_manager ON managed_definitions (manager, kind, name)',
    );
    await runner.query(`CREATE TABLE rules_directory (
      is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
      holder uuid, host text, held_until timestamptz, folder text, looked_at timestamptz,
      status text NOT NULL DEFAULT 'off', since timestamptz,
      mistakes jsonb NOT NULL DEFAULT '[]', failed text,
      applied text, applied_at timestamptz, files int NOT NULL DEFAULT 0,
      kept jsonb NOT NULL DEFAULT '[]', superseded jsonb NOT NULL DEFAULT '[]')`);
    await runner.query('INSERT INTO rules_directory DEFAULT VALUES');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE rules_directory');
    await runner.query('DROP TABLE managed_definitions');
  }
}
