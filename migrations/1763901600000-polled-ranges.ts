import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When the services of a range of slots were last polled: what nobody has looked at since is not known to be so still. */
export class PolledRanges1763901600000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE polled_ranges (
        interval_seconds int NOT NULL,
        from_slot int NOT NULL,
        -- Inclusive.
        to_slot int NOT NULL,
        -- When the last poll that was finished began to read.
        polled_at timestamptz NOT NULL,
        PRIMARY KEY (interval_seconds, from_slot, to_slot)
      ) WITH (fillfactor = 50);
      INSERT INTO polled_ranges
        SELECT DISTINCT interval_seconds, 0, 16383, now() FROM services WHERE enabled AND polled;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE polled_ranges');
  }
}
