/** Of many alerts that feed one metric, through PostgreSQL. */
import { openTestDatabase } from '../../test/databases';
import { newId } from '../common/ids';
import type { Database } from '../database/database';
import type { StatementName } from '../database/sql-pool';
import { AlertValues } from './alert-values';

const LIVING = 3_000;

interface Node {
  'Relation Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  Plans?: Node[];
}

const rowsOf = (table: string, node: Node): number =>
  (node['Relation Name'] === table ? node['Actual Rows'] * node['Actual Loops'] : 0) +
  (node.Plans ?? []).reduce((sum, one) => sum + rowsOf(table, one), 0);

describe('the newest alert that lives, of many', () => {
  let database: Database;
  let end: () => Promise<void>;
  let values: AlertValues;
  const service = newId();
  const metric = { service, metric: 'outage' };
  const ids = Array.from({ length: LIVING }, () => newId()).sort();
  const now = new Date();

  beforeAll(async () => {
    ({ database, end } = await openTestDatabase());
    values = new AlertValues(database);
    await database.rows(
      `INSERT INTO alerts (id, source, format, dedup_key, status, value, labels, annotations, at, received_at, last_seen_at,
         is_current, revision, processed)
       SELECT id, 'sender', 'native', id::text, 'firing', n, '{}', '{}', $2, $2, $2, true, 1, 1
       FROM unnest($1::uuid[]) WITH ORDINALITY AS u (id, n)`,
      [ids, now],
    );
    await database.rows(
      `INSERT INTO alert_matches (alert_id, service_id, metric) SELECT id, $2, 'outage' FROM unnest($1::uuid[]) AS u (id)`,
      [ids, service],
    );
    await database.rows('ANALYZE alerts, alert_matches');
  });
  afterAll(() => end());

  const resolve = (some: string[]) =>
    database.rows(`UPDATE alerts SET status = 'resolved' WHERE id = ANY($1::uuid[])`, [some]);

  const newest = async () => {
    const [all, one] = await Promise.all([values.of([metric], now), values.ofNewest([metric], now)]);
    const [counted] = all.get(service) ?? [];
    const [alone] = one.get(service) ?? [];
    expect(alone && { ...alone, total: 0 }).toEqual(counted && { ...counted, total: 0 });
    return { value: counted?.value, total: counted?.total, alone: alone?.total };
  };

  it('is found without a look at the others, where nobody asks how many there are', async () => {
    let asked: [string, unknown[] | undefined] | undefined;
    const noted = {
      rows: (text: string, given?: unknown[], name?: StatementName) => {
        asked = [text, given];
        return database.keyed.rows(text, given, name);
      },
    } as Database['keyed'];
    await values.ofNewest([metric], now, noted);
    const [text, given] = asked!;
    const [row] = await database.keyed.rows<{ 'QUERY PLAN': [{ Plan: Node }] }>(
      `EXPLAIN (ANALYZE, FORMAT JSON) ${text}`,
      given,
    );
    const { Plan } = row!['QUERY PLAN'][0];
    expect(rowsOf('alert_matches', Plan)).toBeLessThanOrEqual(1);
    expect(rowsOf('alerts', Plan)).toBeLessThanOrEqual(1);
  });

  it('is the same as where they are counted, whichever have ended', async () => {
    expect(await newest()).toEqual({ value: LIVING, total: LIVING, alone: 1 });
    await resolve(ids.slice(0, 10));
    expect(await newest()).toEqual({ value: LIVING, total: LIVING - 10, alone: 1 });
    await resolve(ids.slice(-5));
    expect(await newest()).toEqual({ value: LIVING - 5, total: LIVING - 15, alone: 1 });
    await resolve(ids);
    expect(await newest()).toEqual({});
  });
});
