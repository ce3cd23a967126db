import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Silences, and services that depend on others. */
export class Silences1765400000000 implements MigrationInterface {
  readonly worksWith = 'NewestMatches1764600000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE silences (
        id uuid PRIMARY KEY,
        version int NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        owner text NOT NULL,
        -- {services: [id], labels: {label: value}, infrastructures: [id]}: a service must fit all that is given.
        match jsonb NOT NULL,
        -- Scopes of whoever made it, one of which a service must have; null for everything.
        scopes jsonb,
        mutes text NOT NULL CHECK (mutes IN ('actions', 'scale_down', 'notifications')),
        starts_at timestamptz NOT NULL,
        ends_at timestamptz NOT NULL,
        schedule jsonb,
        reason text NOT NULL,
        end_when_ok_seconds float8,
        on_end text NOT NULL CHECK (on_end IN ('act', 'wait')),
        -- Moment at which somebody ended it before its time.
        ended_at timestamptz,
        ended_by text,
        -- Moment at which a window that had begun ended, since its services had been ok for long enough.
        cut_at timestamptz
      );
      CREATE INDEX silences_ends ON silences (ends_at);

      -- Rises with each change, so that every process knows whether what it knows is the newest.
      CREATE TABLE silence_revision (one bool PRIMARY KEY DEFAULT true CHECK (one), revision bigint NOT NULL);
      INSERT INTO silence_revision (revision) VALUES (0);

      ALTER TABLE services ADD depends_on jsonb NOT NULL DEFAULT '[]';
      CREATE INDEX services_labels ON services USING gin (labels jsonb_path_ops);
      CREATE INDEX services_dependent ON services USING gin (depends_on jsonb_path_ops) WHERE depends_on <> '[]';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP INDEX services_dependent, services_labels;
      ALTER TABLE services DROP depends_on;
      DROP TABLE silence_revision, silences;
    `);
  }
}
