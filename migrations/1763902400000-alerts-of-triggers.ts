import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The alerts of a trigger are looked for by the trigger, when its alarm is over. */
export class AlertsOfTriggers1763902400000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE INDEX trigger_alerts_trigger ON trigger_alerts (trigger_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX trigger_alerts_trigger');
  }
}
