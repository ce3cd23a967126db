import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How many executions may be in flight, and how many actions may begin in an hour. */
export class ActionLimits1763900500000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE actions
        ADD concurrency int,
        ADD target_concurrency int,
        -- The one its requests go to; NULL where a template decides that, and where it was not asked yet.
        ADD target text;
      ALTER TABLE services ADD max_actions_per_hour int;
      ALTER TABLE executions
        -- When it was first tried since it was queued or, by a person, queued again.
        ADD started_at timestamptz,
        -- The limit it waits for: {by, why}.
        ADD held jsonb;
      CREATE INDEX executions_started ON executions (started_at) WHERE started_at IS NOT NULL;
      CREATE INDEX executions_held ON executions (action_id, id) WHERE status = 'queued' AND held IS NOT NULL;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE executions DROP held, DROP started_at;
      ALTER TABLE services DROP max_actions_per_hour;
      ALTER TABLE actions DROP target, DROP target_concurrency, DROP concurrency;
    `);
  }
}
