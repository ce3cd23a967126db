import { openTestDatabase } from '../../test/databases';
import { leastIdAt, newId } from '../common/ids';
import { readConfig } from '../config/config';
import { recordAudit } from '../database/audit';
import type { Database } from '../database/database';
import { AuditRetention } from './audit-retention';

const DAY_MS = 86_400_000;
const before = (days: number): Date => new Date(Date.now() - days * DAY_MS);

let database: Database;
let end: () => Promise<void>;
let retention: AuditRetention;

beforeAll(async () => {
  ({ database, end } = await openTestDatabase());
  retention = new AuditRetention(database, readConfig({ MONSCALE_AUDIT_RETENTION_DAYS: '30' }));
});
afterAll(() => end());

/** Entries of a moment, as if they had been written then. */
const add = (at: Date, count: number) =>
  database.rows(
    `INSERT INTO audit (id, at, actor, via, address, action, object_type, outcome)
     SELECT (left($1, 24) || lpad(to_hex(n), 12, '0'))::uuid, $2, 'anna', 'session', '', 'update', 'service', 'succeeded'
     FROM generate_series(1, $3) n`,
    [leastIdAt(at), at, count],
  );

test('what is older than the retention goes, in pieces, and nothing else', async () => {
  await add(before(31), 2_500);
  await add(before(29), 3);
  await recordAudit(database, [{ action: 'create', object: { type: 'service' } }]);
  await retention.round();
  const [left] = await database.rows('SELECT count(*)::int AS count, min(at) AS oldest FROM audit');
  expect(left!.count).toBe(4);
  expect((left!.oldest as Date).getTime()).toBeGreaterThan(before(30).getTime());
});

test('versions of what was deleted go with it; those of what is there stay, however old', async () => {
  const [gone, young, there] = [newId(), newId(), newId()];
  const version = (id: string, deletedAt: Date | null) =>
    database.rows(
      `INSERT INTO definition_versions (kind, definition_id, version, at, definition, names, deleted_at)
       VALUES ('service', $1, 1, $2, '{}', '{}', $3)`,
      [id, before(400), deletedAt],
    );
  await version(gone, before(31));
  await version(young, before(1));
  await version(there, null);
  await retention.round();
  const rows = await database.rows('SELECT definition_id AS id FROM definition_versions ORDER BY 1');
  expect(rows.map(({ id }) => id)).toEqual([young, there].sort());
});
