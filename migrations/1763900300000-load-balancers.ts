import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Load balancers that follow the nodes of their infrastructures. */
export class LoadBalancers1763900300000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE infrastructures ADD load_balancer jsonb;

      CREATE TABLE load_balancer_states (
        infrastructure_id uuid PRIMARY KEY REFERENCES infrastructures ON DELETE CASCADE,
        next_sync_at timestamptz NOT NULL,
        -- Who syncs it, and until when it is believed to be alive.
        lease_owner uuid,
        lease_until timestamptz,
        -- When the last sync began, and when it ended.
        begun_at timestamptz,
        synced_at timestamptz,
        -- The pool that the rest is about.
        pool text NOT NULL DEFAULT '',
        -- By address: the nodes that were seen. Their members are ours.
        memory jsonb NOT NULL DEFAULT '{}',
        -- As they were after the last sync that could read them.
        members jsonb NOT NULL DEFAULT '[]',
        -- The last changes, newest last.
        changes jsonb NOT NULL DEFAULT '[]',
        outcome text,
        explanation text,
        error text,
        -- When the outcome became what it is.
        changed_at timestamptz
      ) WITH (fillfactor = 70);
      CREATE INDEX load_balancer_states_due ON load_balancer_states (next_sync_at);

      -- What has just succeeded makes a sync due.
      CREATE INDEX executions_succeeded ON executions (finished_at) WHERE status = 'succeeded';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP INDEX executions_succeeded;
      DROP TABLE load_balancer_states;
      ALTER TABLE infrastructures DROP load_balancer;
    `);
  }
}
