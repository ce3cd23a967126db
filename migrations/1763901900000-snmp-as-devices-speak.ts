import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Counters that go round, and what could not be read of MIB modules. */
export class SnmpAsDevicesSpeak1763901900000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Series that are Counter32, which go round at 2^32; with when they began anew, as far as is known, oldest first.
      CREATE TABLE counters (
        series bigint PRIMARY KEY,
        service_id uuid NOT NULL REFERENCES services ON DELETE CASCADE,
        begins timestamptz[] NOT NULL
      );
      CREATE INDEX counters_service ON counters (service_id);
      -- [[name, module], …]; [{name, why}, …]
      ALTER TABLE mibs ADD COLUMN imports jsonb NOT NULL DEFAULT '[]', ADD COLUMN skipped jsonb NOT NULL DEFAULT '[]';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE mibs DROP COLUMN imports, DROP COLUMN skipped; DROP TABLE counters');
  }
}
