import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Executions of which nobody knows what became, to be counted without reading all that ended. */
export class UnknownExecutions1765700000000 implements MigrationInterface {
  readonly worksWith = 'NewestMatches1764600000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE INDEX executions_unknown ON executions (status) WHERE status = 'unknown'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX executions_unknown');
  }
}
