import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Actions that are executed when an alarm has ended. */
export class RecoveryActions1763900200000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE services ADD recovery_action_ids uuid[] NOT NULL DEFAULT '{}';
      -- 'breach', or 'recovery': what its executions came from. A recovery scales nothing.
      ALTER TABLE triggers ADD kind text NOT NULL DEFAULT 'breach';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE services DROP recovery_action_ids;
      ALTER TABLE triggers DROP kind;
    `);
  }
}
