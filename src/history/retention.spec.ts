import { openTestDatabase } from '../../test/databases';
import { newId } from '../common/ids';
import { readConfig } from '../config/config';
import type { Database } from '../database/database';
import { Retention } from './retention';

const NOW = new Date('2026-06-01T00:00:00Z');
const LONG_AGO = new Date('2025-01-01T00:00:00Z');
const LATELY = new Date('2026-05-31T00:00:00Z');

describe('retention', () => {
  let database: Database;
  let end: () => Promise<void>;

  beforeAll(async () => {
    ({ database, end } = await openTestDatabase());
  });
  afterAll(() => end());

  async function alert(changes: { status?: string; seenAt?: Date; processed?: number }): Promise<string> {
    const id = newId();
    const { status = 'resolved', seenAt = LONG_AGO, processed = 1 } = changes;
    await database.rows(
      `INSERT INTO alerts (id, source, format, dedup_key, status, labels, annotations, at, received_at, last_seen_at, is_current,
         revision, processed) VALUES ($1::uuid, 'api', 'native', $1::uuid::text, $2, '{}', '{}', $3, $3, $3, true, 1, $4)`,
      [id, status, seenAt, processed],
    );
    await database.rows(
      `INSERT INTO alert_matches (alert_id, service_id, metric) VALUES ($1, $2, 'outage')`,
      [id, newId()],
    );
    await database.rows('INSERT INTO trigger_alerts (alert_id, trigger_id) VALUES ($1, $2)', [id, newId()]);
    return id;
  }

  test('old alerts go with what belongs to them; those that live, or that the rules have not seen, stay', async () => {
    await alert({});
    const kept = [
      await alert({ seenAt: LATELY }),
      await alert({ status: 'firing' }),
      await alert({ processed: 0 }),
    ].sort();
    const clock = { now: () => NOW };
    await new Retention(database, readConfig({}), clock).round();
    for (const [table, column] of [
      ['alerts', 'id'],
      ['alert_matches', 'alert_id'],
      ['trigger_alerts', 'alert_id'],
    ]) {
      const rows = await database.rows<{ id: string }>(`SELECT ${column} AS id FROM ${table}`);
      expect([table, rows.map(({ id }) => id).sort()]).toEqual([table, kept]);
    }
  });
});
