import type { MigrationInterface, QueryRunner } from 'typeorm';

/** SNMP engines that send: through which source they were heard, and those that an operator had forgotten. */
export class ForgottenEngines1763901950000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE snmp_engines
        ADD COLUMN source_id uuid REFERENCES sources ON DELETE SET NULL,
        ADD COLUMN address text;
      -- Listeners forget them too; kept for a while.
      CREATE TABLE forgotten_engines (engine_id text PRIMARY KEY, forgotten_at timestamptz NOT NULL);
      CREATE INDEX forgotten_engines_at ON forgotten_engines (forgotten_at);
      -- Of what was refused as replayed: who said to have sent it.
      ALTER TABLE trap_refusals ADD COLUMN engine_id text;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE trap_refusals DROP COLUMN engine_id;
      DROP TABLE forgotten_engines;
      ALTER TABLE snmp_engines DROP COLUMN source_id, DROP COLUMN address;
    `);
  }
}
