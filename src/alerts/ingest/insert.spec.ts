import { Client } from 'pg';
import { createMigratedDatabase } from '../../../test/databases';
import { newId } from '../../common/ids';
import type { Sql } from '../../database/sql-pool';
import { SAY_LOCKED } from '../../database/under-locks';
import { keepMatchesUnderLocks } from '../../rules/sql/alerts';
import { mergeAlerts, type KeptAlert } from '../dedup';
import { insertionUnderLocks } from './insert';

const NOW = new Date('2026-12-01T10:00:00Z');

const alertOf = (dedupKey: string): KeptAlert =>
  mergeAlerts([], [{ dedupKey, status: 'firing', labels: {}, annotations: {} }], NOW, newId).inserted[0]!;

/** One connection, as on it settings might stay. */
describe('what goes along with the locks of its transaction', () => {
  let client: Client;
  let drop: () => Promise<void>;
  beforeAll(async () => {
    const made = await createMigratedDatabase();
    drop = made.drop;
    client = new Client({ connectionString: made.databaseUrl });
    await client.connect();
  });
  afterAll(async () => {
    await client.end();
    await drop();
  });

  const sql: Sql = {
    rows: async (text, values, name) => (await client.query({ text, values, name })).rows as never,
  };
  const count = async (table: string): Promise<number> =>
    (await client.query<{ count: number }>(`SELECT count(*)::int AS count FROM ${table}`)).rows[0]!.count;

  async function write(key: string): Promise<number> {
    const alert = alertOf(key);
    const asked = { alerts: new Set<KeptAlert>(), revision: '1' };
    const insert = await insertionUnderLocks({ name: 'sender', format: 'native' }, [alert], asked);
    const match = { alert: alert.id, service: newId(), metric: 'breach' };
    const [rows] = await Promise.all([insert(sql), keepMatchesUnderLocks(sql, [match], [])]);
    return rows.length;
  }

  test('is not written where the transaction did not begin, be it prepared or not', async () => {
    for (const key of ['first', 'second']) expect(await write(key)).toBe(0);
    expect([await count('alerts'), await count('alert_matches')]).toEqual([0, 0]);
  });

  test('is written behind the locks, and by no later statement of the connection', async () => {
    await client.query('BEGIN');
    await client.query(`SELECT ${SAY_LOCKED}`);
    expect(await write('locked')).toBe(1);
    await client.query('COMMIT');
    expect(await write('later')).toBe(0);
    await client.query('BEGIN');
    expect(await write('without locks')).toBe(0);
    await client.query('COMMIT');
    expect([await count('alerts'), await count('alert_matches')]).toEqual([1, 1]);
  });
});
