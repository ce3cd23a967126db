import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Contacts: who is told of what happens, and what each was told. */
export class Contacts1765500000000 implements MigrationInterface {
  readonly worksWith = 'NewestMatches1764600000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE contacts (
        id uuid PRIMARY KEY,
        name text NOT NULL CONSTRAINT contacts_name UNIQUE,
        version int NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        description text NOT NULL,
        -- Labels of the services that it is told of; none for everything.
        labels jsonb NOT NULL,
        action_id uuid NOT NULL CONSTRAINT contacts_action REFERENCES actions,
        events text[] NOT NULL,
        schedule jsonb,
        max_per_hour int NOT NULL,
        group_seconds float8 NOT NULL,
        blind_for_seconds float8 NOT NULL,
        -- {event: moment since which it is asked for}: what ended badly before is not told.
        asked_since jsonb NOT NULL
      );
      CREATE INDEX contacts_action_id ON contacts (action_id);

      -- Locked by whoever makes a message for a contact, so that none is made twice.
      CREATE TABLE contact_states (
        contact_id uuid PRIMARY KEY REFERENCES contacts ON DELETE CASCADE,
        -- Moments of its messages of the last hour, rising.
        sent_at timestamptz[] NOT NULL DEFAULT '{}',
        -- Notices that were left out since its last message, since there was no room for another one.
        left_out int NOT NULL DEFAULT 0
      );

      CREATE TABLE notices (
        id uuid PRIMARY KEY,
        contact_id uuid NOT NULL REFERENCES contacts ON DELETE CASCADE,
        event text NOT NULL,
        -- What it happened to, and which time of several.
        object_id text NOT NULL,
        occurrence text NOT NULL,
        since timestamptz NOT NULL,
        noticed_at timestamptz NOT NULL,
        service_id uuid,
        -- What is told of it.
        text text NOT NULL,
        facts jsonb NOT NULL,
        ended_at timestamptz,
        -- How it ended; NULL where that is not told.
        ended_how text,
        status text NOT NULL CHECK (status IN ('waiting', 'told', 'left_out')),
        -- True while something of it is still to be told: that it is so, or that it is over.
        is_due bool NOT NULL,
        waits_for text,
        why text,
        execution_id uuid,
        told_at timestamptz,
        end_execution_id uuid,
        end_told_at timestamptz,
        UNIQUE (contact_id, event, object_id, occurrence)
      ) WITH (fillfactor = 80);
      CREATE INDEX notices_contact ON notices (contact_id, id DESC);
      CREATE INDEX notices_due ON notices (contact_id, id) WHERE is_due;
      CREATE INDEX notices_open ON notices (event, id) WHERE ended_at IS NULL;

      -- Until when executions that ended badly were looked at.
      CREATE TABLE notice_watch (event text PRIMARY KEY, until timestamptz NOT NULL);

      CREATE INDEX executions_ended_badly ON executions (finished_at) WHERE status IN ('failed', 'unknown');
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP INDEX executions_ended_badly;
      DROP TABLE notice_watch, notices, contact_states, contacts;
      DELETE FROM executions WHERE kind = 'notice';
    `);
  }
}
