import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Processes that have work in hand, and a number for each time an execution was taken in hand. */
export class SignsOfLife1764000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- A row is written every two seconds; there is room for that in its page.
      CREATE TABLE workers (id uuid PRIMARY KEY, seen_at timestamptz NOT NULL) WITH (fillfactor = 50);

      -- How often it was taken in hand: whoever has an older number finishes nothing.
      ALTER TABLE executions ADD claim_number int NOT NULL DEFAULT 0;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE executions DROP claim_number; DROP TABLE workers');
  }
}
