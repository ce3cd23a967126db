import type { MigrationInterface, QueryRunner } from 'typeorm';

/** For what a source may speak; which polled metrics take numbers that are sent. */
export class BelievedSources1764200000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Names or ids of the services it speaks for; NULL: all.
      ALTER TABLE sources ADD services text[];
      -- What its alerts must carry, and what is added to them.
      ALTER TABLE sources ADD labels jsonb NOT NULL DEFAULT '{}';
      ALTER TABLE sources ADD add_labels jsonb NOT NULL DEFAULT '{}';
    `);
    // Polled metrics that were fed by alerts go on as they did.
    await runner.query(`
      UPDATE services s SET metrics = (
        SELECT jsonb_object_agg(m.key, CASE WHEN m.key = ANY(f.metrics) AND m.value->>'type' <> 'alert'
          THEN m.value || '{"acceptsPushed": true}' ELSE m.value END)
        FROM jsonb_each(s.metrics) m)
      FROM (SELECT service_id, array_agg(DISTINCT metric) AS metrics FROM alerts WHERE service_id IS NOT NULL GROUP BY 1) f
      WHERE s.id = f.service_id AND jsonb_typeof(s.metrics) = 'object' AND s.metrics <> '{}'
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE sources DROP add_labels;
      ALTER TABLE sources DROP labels;
      ALTER TABLE sources DROP services;
    `);
  }
}
