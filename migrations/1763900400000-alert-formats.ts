import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Alerts in their own format, numbers found in them, and what is known of sources. */
export class AlertFormats1763900400000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- The alert in its own format, bounded, without secrets; NULL where the other columns say it all.
      ALTER TABLE alerts ADD raw jsonb;
      -- Where the metric looks for its number in the alert, and what it found there; NULL: no number.
      ALTER TABLE alert_matches ADD value_path text, ADD number float8;

      -- After that many seconds without a word the source is an alert itself.
      ALTER TABLE sources ADD silent_after_seconds float8;
      -- When something was taken from it last. Written once a second at most, by whoever took it.
      CREATE TABLE source_states (
        source_id uuid PRIMARY KEY REFERENCES sources ON DELETE CASCADE,
        last_seen_at timestamptz NOT NULL
      );
      -- Since when, and until when, schedulers have looked for silent sources without a gap.
      CREATE TABLE silence_watch (since timestamptz NOT NULL, until timestamptz NOT NULL);
      INSERT INTO silence_watch VALUES ('-infinity', '-infinity');
      -- Alerts taken, by spans of ten seconds.
      CREATE TABLE source_counts (
        source_id uuid NOT NULL REFERENCES sources ON DELETE CASCADE,
        at timestamptz NOT NULL,
        alerts int NOT NULL,
        PRIMARY KEY (source_id, at)
      );
      -- The last payloads, a bounded number for each source.
      CREATE TABLE source_payloads (
        id uuid PRIMARY KEY,
        source_id uuid NOT NULL REFERENCES sources ON DELETE CASCADE,
        at timestamptz NOT NULL,
        format text NOT NULL,
        status int NOT NULL,
        payload text NOT NULL,
        -- How many alerts it held, and the first of those that were taken.
        alerts int NOT NULL,
        alert_ids uuid[] NOT NULL,
        -- Why it was refused, or some of its alerts.
        errors jsonb NOT NULL
      );
      CREATE INDEX source_payloads_source ON source_payloads (source_id, id DESC);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE source_payloads, source_counts, source_states, silence_watch;
      ALTER TABLE sources DROP silent_after_seconds;
      ALTER TABLE alert_matches DROP value_path, DROP number;
      ALTER TABLE alerts DROP raw;
    `);
  }
}
