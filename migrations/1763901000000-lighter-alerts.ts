import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Alerts come in the order of their time: what tells where in the table a time lies costs next to nothing to keep. */
export class LighterAlerts1763901000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP INDEX alerts_received;
      CREATE INDEX alerts_received ON alerts USING brin (received_at) WITH (autosummarize = on);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP INDEX alerts_received;
      CREATE INDEX alerts_received ON alerts (received_at DESC, id DESC);
    `);
  }
}
