import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a trigger asked for is remembered as the number of nodes wished for, until a count shows it or its warm-up is over. */
export class AsksForNodes1763901500000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE triggers
        -- How many nodes there are to be, with it and all that was asked for before it.
        ADD desired int,
        -- When executions were first allowed to act on it; NULL while a person has not approved it.
        ADD asked_at timestamptz,
        -- What of delta no count has shown.
        ADD still_to_come int NOT NULL DEFAULT 0;
      UPDATE triggers t SET desired = e.desired, asked_at = CASE WHEN e.is_asked THEN t.at END, still_to_come = t.delta
      FROM (
        SELECT trigger_id, min((variables->'nodes'->>'desired')::int) AS desired, bool_or(status <> 'awaiting_approval') AS is_asked
        FROM executions
        WHERE status IN ('queued', 'awaiting_approval', 'running', 'waiting', 'unknown')
          OR status = 'succeeded' AND finished_at > now() - interval '1 day'
        GROUP BY trigger_id) e
      WHERE e.trigger_id = t.id AND t.infrastructure_id IS NOT NULL AND t.delta <> 0 AND e.desired IS NOT NULL;
      CREATE INDEX triggers_still_to_come ON triggers (infrastructure_id) WHERE still_to_come <> 0;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP INDEX triggers_still_to_come;
      ALTER TABLE triggers DROP desired, DROP asked_at, DROP still_to_come;
    `);
  }
}
