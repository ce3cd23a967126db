import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The newest alert that lives is found from the end of the index, however many a metric has. */
export class NewestMatches1764600000000 implements MigrationInterface {
  readonly worksWith = 'TakenMessages1764500100000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE INDEX alert_matches_newest ON alert_matches (service_id, metric, alert_id);
      DROP INDEX alert_matches_service;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE INDEX alert_matches_service ON alert_matches (service_id, metric);
      DROP INDEX alert_matches_newest;
    `);
  }
}
