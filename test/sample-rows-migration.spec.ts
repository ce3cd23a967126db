import type { DataSource } from 'typeorm';
import { createMigrationSource } from '../src/database/data-source';
import { createTestDatabase } from './databases';

const AT = ['2024-05-01T23:59:59.999Z', '2024-05-02T00:00:00.000Z', '2024-05-02T00:00:10.000Z'];
const MANY = 101;

/** What the tables hold, by service and metric. */
const BY_METRIC = `
  SELECT s.name, m.key AS metric, x.at, x.readings[m.value::bigint % 100 + 1] AS value
  FROM services s, jsonb_each_text(s.series) m JOIN samples x ON x.group_id = m.value::bigint / 100
  WHERE x.readings[m.value::bigint % 100 + 1] IS NOT NULL ORDER BY 1, 2, 3`;
const BY_METRIC_BEFORE = `
  SELECT s.name, m.key AS metric, x.at, x.value
  FROM services s, jsonb_each_text(s.series) m JOIN samples x ON x.series_id = m.value::int ORDER BY 1, 2, 3`;

describe('the migration to a row per service and moment', () => {
  let source: DataSource;
  let drop: () => Promise<void>;

  beforeAll(async () => {
    const database = await createTestDatabase();
    drop = database.drop;
    source = await createMigrationSource(database.databaseUrl).initialize();
    await source.runMigrations({ transaction: 'all' });
    while (await hasRows()) await source.undoLastMigration({ transaction: 'all' });
  });
  afterAll(async () => {
    await source.destroy();
    await drop();
  });

  const hasRows = async () =>
    (await source.query(`SELECT to_regclass('roll_ups') AS there`))[0].there !== null;

  const define = (name: string, series: Record<string, number>) =>
    source.query(
      `INSERT INTO services SELECT (jsonb_populate_record(NULL::services, jsonb_build_object(
         'id', gen_random_uuid(), 'name', $1::text, 'description', '', 'labels', '{}'::jsonb, 'enabled', true,
         'interval_seconds', 10, 'slot', 1, 'polled', true, 'metrics', '{}'::jsonb, 'series', $2::jsonb, 'condition', 'true',
         'hold_seconds', 0, 'wisdom_seconds', 0, 'repeat', true, 'missing_data', 'hold', 'policy', '{}'::jsonb,
         'action_ids', '{}'::text[], 'recovery_action_ids', '{}'::text[], 'escalations', '[]'::jsonb, 'mode', 'auto',
         'approval_ttl_seconds', 1, 'version', 1, 'created_at', now(), 'updated_at', now()))).*`,
      [name, JSON.stringify(series)],
    );

  test('carries over what was recorded, and back', async () => {
    await source.query(`
      CREATE TABLE samples_20240501 PARTITION OF samples FOR VALUES FROM ('2024-05-01Z') TO ('2024-05-02Z');
      CREATE TABLE samples_20240502 PARTITION OF samples FOR VALUES FROM ('2024-05-02Z') TO ('2024-05-03Z');
      SELECT setval('series_id', 500)`);
    await define('one', { cpu: 7 });
    await define('three', { a: 12, b: 9, gone: 10 });
    await define('many', Object.fromEntries(Array.from({ length: MANY }, (_, n) => [`m${n}`, 100 + n])));
    const samples = [
      ...[7, 9, 10, 12, 400].flatMap((series) => AT.map((at) => [series, at, series / 8])),
      [100 + MANY - 1, AT[0], 5],
      [100, AT[1], 6],
    ].filter(([series, at]) => !(series === 9 && at === AT[1]));
    for (const sample of samples) await source.query('INSERT INTO samples VALUES ($1, $2, $3)', sample);
    const before = await source.query(BY_METRIC_BEFORE);
    expect(before).toHaveLength(13);

    await source.runMigrations({ transaction: 'all' });
    expect(await source.query(BY_METRIC)).toEqual(before);
    // One row a service and moment; what nobody has any more stays until its days are over.
    const rows: { group_id: number; count: string }[] = await source.query(
      'SELECT group_id, count(*) FROM samples GROUP BY 1 ORDER BY 1',
    );
    expect(rows.map(({ group_id, count }) => [group_id, Number(count)])).toEqual([
      [7, 3],
      [9, 3],
      [100, 1],
      [200, 1],
      [400, 3],
    ]);
    await source.query(`INSERT INTO samples VALUES (1, '2024-05-02T12:00:00Z', '{1}')`);
    await source.query(`DELETE FROM samples WHERE group_id = 1`);

    while (await hasRows()) await source.undoLastMigration({ transaction: 'all' });
    expect(await source.query(BY_METRIC_BEFORE)).toEqual(before);
    await source.runMigrations({ transaction: 'all' });
    expect(await source.query(BY_METRIC)).toEqual(before);
  });
});
