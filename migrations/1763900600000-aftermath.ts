import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What follows from a trigger: further steps while the alarm lasts, and whether the action helped. */
export class Aftermath1763900600000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE services
        -- [{afterSeconds, actionIds}], rising.
        ADD escalations jsonb NOT NULL DEFAULT '[]',
        -- {condition, withinSeconds}
        ADD expect jsonb;
      -- {outcome, at, explanation}; kind 'escalation' joins 'breach' and 'recovery'.
      ALTER TABLE triggers ADD effect jsonb;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE triggers DROP effect;
      ALTER TABLE services DROP expect, DROP escalations;
    `);
  }
}
