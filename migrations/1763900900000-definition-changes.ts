import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What changed with each revision of the definitions, so that whoever keeps them in memory learns that alone. */
export class DefinitionChanges1763900900000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE definition_changes (
        revision bigint NOT NULL,
        kind text NOT NULL,
        id uuid NOT NULL,
        PRIMARY KEY (revision, kind, id)
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE definition_changes');
  }
}
