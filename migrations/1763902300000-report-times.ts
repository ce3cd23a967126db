import type { MigrationInterface, QueryRunner } from 'typeorm';

/** By what reports of one alert are ordered; what there is to say of alerts without a number, and of payloads. */
export class ReportTimes1763902300000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- When the last report of it was said; NULL: as at.
      ALTER TABLE alerts ADD reported_at timestamptz;
      -- Why the metric found no number in the alert.
      ALTER TABLE alert_matches ADD problem text;
      -- What of it was taken and changed nothing, and why.
      ALTER TABLE source_payloads ADD notes jsonb NOT NULL DEFAULT '[]';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE source_payloads DROP notes;
      ALTER TABLE alert_matches DROP problem;
      ALTER TABLE alerts DROP reported_at;
    `);
  }
}
