import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Processes of the program, with their roles, and when each was heard last. */
export class Processes1765600100000 implements MigrationInterface {
  readonly worksWith = 'NewestMatches1764600000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE processes (
        id uuid PRIMARY KEY,
        roles text[] NOT NULL,
        host text NOT NULL,
        pid int NOT NULL,
        started_at timestamptz NOT NULL,
        seen_at timestamptz NOT NULL
      ) WITH (fillfactor = 50);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE processes');
  }
}
