import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Executions that their target has accepted and whose end is not known yet. */
export class WaitingExecutions1763900100000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE executions
        -- What is needed to ask the target.
        ADD waiting jsonb,
        -- How often it was asked.
        ADD asked int NOT NULL DEFAULT 0,
        -- After that its end is unknown.
        ADD waits_until timestamptz;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE executions DROP waiting, DROP asked, DROP waits_until');
  }
}
