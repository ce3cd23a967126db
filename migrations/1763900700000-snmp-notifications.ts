import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What listeners of SNMP notifications share. */
export class SnmpNotifications1763900700000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- This installation as an SNMP engine (RFC 3411): one row.
      CREATE TABLE snmp_engine (id text NOT NULL, since timestamptz NOT NULL);
      CREATE UNIQUE INDEX snmp_engine_one ON snmp_engine ((true));
      -- Engines that send version 3 notifications: the newest boots and time each has said (RFC 3414, 2.3).
      CREATE TABLE snmp_engines (
        engine_id text PRIMARY KEY,
        boots int NOT NULL,
        time int NOT NULL,
        heard_at timestamptz NOT NULL
      );
      CREATE INDEX snmp_engines_heard ON snmp_engines (heard_at);
      -- Senders that were refused, a bounded number; without a source: nobody knows whom they meant.
      CREATE TABLE trap_refusals (
        address text NOT NULL,
        reason text NOT NULL,
        source_id uuid REFERENCES sources ON DELETE CASCADE,
        count bigint NOT NULL,
        first_at timestamptz NOT NULL,
        last_at timestamptz NOT NULL,
        UNIQUE NULLS NOT DISTINCT (address, reason, source_id)
      );
      CREATE INDEX trap_refusals_last ON trap_refusals (last_at DESC);
      -- MIB modules that were uploaded: [[name, parent, [numbers]], …], names by module where imported.
      CREATE TABLE mibs (
        name text PRIMARY KEY,
        definitions jsonb NOT NULL,
        updated_at timestamptz NOT NULL
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE mibs, trap_refusals, snmp_engines, snmp_engine');
  }
}
