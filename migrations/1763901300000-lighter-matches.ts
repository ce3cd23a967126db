import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Looking for an alert at each match, and locking its row for that, costs more than the match. Alerts go by retention alone,
 * which takes what belongs to them along.
 */
export class LighterMatches1763901300000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE alert_matches DROP CONSTRAINT alert_matches_alert_id_fkey;
      ALTER TABLE trigger_alerts DROP CONSTRAINT trigger_alerts_alert_id_fkey;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DELETE FROM alert_matches m WHERE NOT EXISTS (SELECT FROM alerts a WHERE a.id = m.alert_id);
      DELETE FROM trigger_alerts t WHERE NOT EXISTS (SELECT FROM alerts a WHERE a.id = t.alert_id);
      ALTER TABLE alert_matches ADD FOREIGN KEY (alert_id) REFERENCES alerts ON DELETE CASCADE;
      ALTER TABLE trigger_alerts ADD FOREIGN KEY (alert_id) REFERENCES alerts ON DELETE CASCADE;
    `);
  }
}
