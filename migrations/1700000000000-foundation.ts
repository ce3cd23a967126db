import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Definitions, state, ledger, executions, alerts and samples. */
export class Foundation1700000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE infrastructures (
        id uuid PRIMARY KEY,
        name text NOT NULL CONSTRAINT infrastructures_name UNIQUE,
        description text NOT NULL,
        labels jsonb NOT NULL,
        min_nodes int NOT NULL,
        max_nodes int NOT NULL,
        up_wisdom_seconds float8 NOT NULL,
        down_wisdom_seconds float8 NOT NULL,
        warmup_seconds float8 NOT NULL,
        nodes jsonb,
        version int NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL
      );
      -- Its row is locked by whoever triggers on the infrastructure, so that two rules can't take the last place.
      CREATE TABLE infrastructure_states (
        infrastructure_id uuid PRIMARY KEY REFERENCES infrastructures ON DELETE CASCADE,
        last_up_at timestamptz,
        last_down_at timestamptz
      );

      CREATE TABLE actions (
        id uuid PRIMARY KEY,
        name text NOT NULL CONSTRAINT actions_name UNIQUE,
        description text NOT NULL,
        type text NOT NULL,
        params jsonb NOT NULL,
        timeout_seconds float8 NOT NULL,
        retry jsonb NOT NULL,
        version int NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL
      );

      CREATE SEQUENCE series_id AS int;
      CREATE TABLE services (
        id uuid PRIMARY KEY,
        name text NOT NULL CONSTRAINT services_name UNIQUE,
        description text NOT NULL,
        labels jsonb NOT NULL,
        enabled bool NOT NULL,
        interval_seconds int NOT NULL,
        slot int NOT NULL,
        polled bool NOT NULL,
        metrics jsonb NOT NULL,
        series jsonb NOT NULL,
        condition text NOT NULL,
        recovery text,
        hold_seconds float8 NOT NULL,
        wisdom_seconds float8 NOT NULL,
        repeat bool NOT NULL,
        missing_data text NOT NULL,
        infrastructure_id uuid CONSTRAINT services_infrastructure REFERENCES infrastructures,
        direction text,
        policy jsonb NOT NULL,
        action_ids uuid[] NOT NULL,
        mode text NOT NULL,
        approval_ttl_seconds float8 NOT NULL,
        version int NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL
      );
      CREATE INDEX services_due ON services (interval_seconds, slot) WHERE enabled AND polled;
      CREATE INDEX services_infrastructure_id ON services (infrastructure_id);
      CREATE TABLE service_actions (
        service_id uuid NOT NULL REFERENCES services ON DELETE CASCADE,
        action_id uuid NOT NULL CONSTRAINT service_actions_action REFERENCES actions,
        PRIMARY KEY (service_id, action_id)
      );
      CREATE INDEX service_actions_action_id ON service_actions (action_id);

      -- Moves with every change to a definition. Its row lock puts those changes in commit order, so whoever has
      -- seen revision n has seen every change up to n.
      CREATE TABLE definition_revision (revision bigint NOT NULL);
      INSERT INTO definition_revision VALUES (1);

      CREATE TABLE service_states (
        service_id uuid PRIMARY KEY REFERENCES services ON DELETE CASCADE,
        state jsonb NOT NULL,
        -- The open entry of the ledger.
        decision_id uuid NOT NULL,
        -- When a service without polls is to be evaluated again.
        next_moment timestamptz
      ) WITH (fillfactor = 70);
      CREATE INDEX service_states_next_moment ON service_states (next_moment) WHERE next_moment IS NOT NULL;

      CREATE TABLE decisions (
        id uuid PRIMARY KEY,
        service_id uuid NOT NULL,
        started_at timestamptz NOT NULL,
        ended_at timestamptz,
        phase text NOT NULL,
        reason text NOT NULL,
        explanation text NOT NULL,
        metric_values jsonb NOT NULL,
        trigger_id uuid
      ) WITH (fillfactor = 90);
      CREATE INDEX decisions_service ON decisions (service_id, started_at DESC);

      CREATE TABLE triggers (
        id uuid PRIMARY KEY,
        service_id uuid NOT NULL,
        infrastructure_id uuid,
        at timestamptz NOT NULL,
        direction text,
        -- Nodes asked for; negative when scaling down.
        delta int,
        justification text NOT NULL
      );
      CREATE INDEX triggers_infrastructure ON triggers (infrastructure_id, at) WHERE infrastructure_id IS NOT NULL;

      CREATE TABLE executions (
        id uuid PRIMARY KEY,
        trigger_id uuid NOT NULL,
        service_id uuid NOT NULL,
        service_name text NOT NULL,
        action_id uuid NOT NULL,
        action_name text NOT NULL,
        status text NOT NULL,
        justification text NOT NULL,
        -- What templates see.
        variables jsonb NOT NULL,
        attempts jsonb NOT NULL DEFAULT '[]',
        -- Tries made since it was queued or, by a person, queued again.
        tries int NOT NULL DEFAULT 0,
        next_attempt_at timestamptz,
        -- Who runs it, and until when it is believed to be alive.
        lease_owner uuid,
        lease_until timestamptz,
        expires_at timestamptz,
        created_at timestamptz NOT NULL,
        finished_at timestamptz
      ) WITH (fillfactor = 70);
      CREATE INDEX executions_service ON executions (service_id, id DESC);
      CREATE INDEX executions_action ON executions (action_id, id DESC);
      CREATE INDEX executions_trigger ON executions (trigger_id);
      CREATE INDEX executions_open ON executions (status, next_attempt_at)
        WHERE status IN ('queued', 'awaiting_approval', 'running', 'waiting');

      CREATE TABLE sources (
        id uuid PRIMARY KEY,
        name text NOT NULL CONSTRAINT sources_name UNIQUE,
        format text NOT NULL,
        params jsonb NOT NULL,
        token_hash bytea NOT NULL CONSTRAINT sources_token UNIQUE,
        version int NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL
      );

      CREATE TABLE alerts (
        id uuid PRIMARY KEY,
        source text NOT NULL,
        format text NOT NULL,
        dedup_key text NOT NULL,
        status text NOT NULL,
        value float8,
        labels jsonb NOT NULL,
        annotations jsonb NOT NULL,
        -- The service and metric the sender named, if it named one.
        service_id uuid,
        metric text,
        at timestamptz NOT NULL,
        ends_at timestamptz,
        -- Seconds it lives after its last receipt, for formats that never say "resolved".
        life_seconds float8,
        received_at timestamptz NOT NULL,
        last_seen_at timestamptz NOT NULL,
        -- The newest alert of its source and dedup key.
        is_current bool NOT NULL,
        -- Moves when status or value change; processed is the revision the rules have seen.
        revision int NOT NULL,
        processed int NOT NULL
      ) WITH (fillfactor = 70);
      CREATE UNIQUE INDEX alerts_current ON alerts (source, dedup_key) WHERE is_current;
      CREATE INDEX alerts_unprocessed ON alerts (received_at) WHERE processed < revision;
      CREATE INDEX alerts_received ON alerts (received_at DESC, id DESC);
      CREATE INDEX alerts_living ON alerts (id) WHERE is_current AND status = 'firing';
      CREATE TABLE alert_matches (
        alert_id uuid NOT NULL REFERENCES alerts ON DELETE CASCADE,
        service_id uuid NOT NULL,
        metric text NOT NULL,
        ttl_seconds float8,
        PRIMARY KEY (alert_id, service_id, metric)
      );
      CREATE INDEX alert_matches_service ON alert_matches (service_id, metric);
      -- The alerts a trigger came from.
      CREATE TABLE trigger_alerts (
        alert_id uuid NOT NULL REFERENCES alerts ON DELETE CASCADE,
        trigger_id uuid NOT NULL,
        PRIMARY KEY (alert_id, trigger_id)
      );

      CREATE TABLE samples (
        series_id int NOT NULL,
        at timestamptz NOT NULL,
        value float8 NOT NULL,
        PRIMARY KEY (series_id, at)
      ) PARTITION BY RANGE (at);

      -- Until when the scheduler has put polls on the queue.
      CREATE TABLE poll_clock (ticked_until timestamptz NOT NULL);
      INSERT INTO poll_clock VALUES ('-infinity');
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE poll_clock, samples, trigger_alerts, alert_matches, alerts, sources, executions, triggers, decisions, service_states,
        definition_revision, service_actions, services, actions, infrastructure_states, infrastructures;
      DROP SEQUENCE series_id;
    `);
  }
}
