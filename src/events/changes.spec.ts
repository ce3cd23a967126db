import { Client } from 'pg';
import { createMigratedDatabase } from '../../test/databases';
import { newId } from '../common/ids';
import { readConfig } from '../config/config';
import { Database } from '../database/database';
import { dataFor } from './change';
import { Changes, CHANGES_AT_ONCE } from './changes';
import { positionIn, positionsAfter, textOf, type Position } from './position';

const clock = { now: () => new Date(1_765_600_000_000) };

let database: Database;
let drop: () => Promise<void>;
let changes: Changes;
let writer: Client;
let other: Client;

beforeAll(async () => {
  const made = await createMigratedDatabase();
  drop = made.drop;
  const config = { ...readConfig({}), databaseUrl: made.databaseUrl };
  database = new Database(config);
  await database.onModuleInit();
  changes = new Changes(database, config, clock);
  [writer, other] = [new Client(made.databaseUrl), new Client(made.databaseUrl)];
  await Promise.all([writer.connect(), other.connect()]);
});

afterAll(async () => {
  await Promise.all([writer.end(), other.end()]);
  await database.onApplicationShutdown();
  await drop();
});

async function service(labels: object, name: string = newId()): Promise<string> {
  const id = newId();
  await writer.query(
    `INSERT INTO services (id, name, description, labels, enabled, interval_seconds, slot, polled, metrics, series, condition,
       hold_seconds, wisdom_seconds, repeat, missing_data, policy, action_ids, mode, approval_ttl_seconds, version, created_at, updated_at)
     VALUES ($1, $2, '', $3, true, 10, 1, true, '{}', '{}', 'true', 0, 0, true, 'hold', '{}', '{}', 'auto', 60, 1, now(), now())`,
    [id, name, labels],
  );
  return id;
}

const decide = (id: string, reason: string, client = writer) =>
  client.query(
    `INSERT INTO decisions (id, service_id, started_at, phase, reason, explanation, metric_values)
     VALUES ($1, $2, now(), 'alarm', $3, '', '{}')`,
    [newId(), id, reason],
  );

const version = (kind: string, id: string, number: number, definition: object) =>
  writer.query(
    `INSERT INTO definition_versions (kind, definition_id, version, at, definition, names) VALUES ($1, $2, $3, now(), $4, '{}')`,
    [kind, id, number, definition],
  );

const alert = (id: string, status = 'firing') =>
  writer.query(
    `INSERT INTO alerts (id, source, format, dedup_key, status, labels, annotations, at, received_at, last_seen_at, is_current, revision, processed)
     VALUES ($1::uuid, 'api', 'native', $1::text, $2, '{}', '{}', now(), now(), now(), true, 1, 0)`,
    [id, status],
  );

/** What is new since a position, as it is told to a reader. */
async function told(from: Position, scopes: Record<string, string>[] | null = null): Promise<object[]> {
  const { changes: news } = await changes.since(from);
  return news!.flatMap((change) => dataFor(change, scopes) ?? []);
}

test('what was committed is told once, in the order of commits it can be told in, and what was rolled back never', async () => {
  const id = await service({});
  const from = await changes.now();
  await writer.query('BEGIN');
  await decide(id, 'holding');
  await decide(id, 'triggered');
  await other.query('BEGIN');
  await decide(id, 'wisdom', other);
  expect(await told(from)).toEqual([]);
  await other.query('COMMIT');
  const middle = await changes.since(from);
  expect(middle.changes).toMatchObject([{ type: 'state', id, facts: { phase: 'alarm', reason: 'wisdom' } }]);
  await writer.query('COMMIT');
  await writer.query('BEGIN');
  await decide(id, 'disabled');
  await writer.query('ROLLBACK');
  const last = await changes.since(middle.position);
  expect(last.changes!.map(({ facts }) => facts.reason)).toEqual(['holding', 'triggered']);
  expect(await told(last.position)).toEqual([]);
});

test('a reader that goes on from within a transaction is told the rest of it', async () => {
  const id = await service({});
  const from = await changes.now();
  await writer.query('BEGIN');
  for (const reason of ['holding', 'triggered', 'wisdom']) await decide(id, reason);
  await writer.query('COMMIT');
  const { changes: news, position } = await changes.since(from);
  const ids = positionsAfter(news!, from, position).map(textOf);
  const rest = await Promise.all(ids.map((text) => told(positionIn(text)!)));
  expect(rest.map((some) => some.map((one) => (one as { reason: string }).reason))).toEqual([
    ['triggered', 'wisdom'],
    ['wisdom'],
    [],
  ]);
});

test('a transaction that stays open for long, in whatever database, holds up nobody', async () => {
  const id = await service({});
  await other.query('BEGIN');
  await other.query('SELECT pg_current_xact_id()');
  for (let n = 0; n < 300; n++) await decide(id, 'holding');
  const from = await changes.now();
  await decide(id, 'triggered');
  expect(await told(from)).toMatchObject([{ reason: 'triggered' }]);
  await other.query('COMMIT');
});

test('of an execution its beginning and each new status is told, and no sign of life of its worker', async () => {
  const id = newId();
  const [owner, action] = [await service({ team: 'web' }, 'of an execution'), newId()];
  const from = await changes.now();
  await writer.query(
    `INSERT INTO executions (id, trigger_id, service_id, service_name, action_id, action_name, status, justification, variables, created_at)
     VALUES ($1, $1, $2, 'of an execution', $3, 'tell', 'queued', '', '{}', now())`,
    [id, owner, action],
  );
  const first = await changes.since(from);
  const queued = {
    type: 'execution',
    id,
    name: 'of an execution',
    service: 'of an execution',
    status: 'queued',
  };
  expect(first.changes!.map((one) => dataFor(one, [{ team: 'web' }]))).toEqual([queued]);
  expect(first.changes!.map((one) => dataFor(one, [{ team: 'db' }]))).toEqual([undefined]);
  await writer.query(`UPDATE executions SET lease_until = now() WHERE id = $1`, [id]);
  expect(await told(first.position)).toEqual([]);
  await writer.query(`UPDATE executions SET status = 'awaiting_approval' WHERE id = $1`, [id]);
  expect(await told(first.position)).toEqual([{ ...queued, status: 'awaiting_approval' }]);
});

test('an alert is told to who sees a service that it matched', async () => {
  const [id, owner] = [newId(), await service({ team: 'web', env: 'prod' })];
  const from = await changes.now();
  await alert(id);
  expect(await told(from)).toMatchObject([{ type: 'alert', id, status: 'firing', source: 'api' }]);
  expect(await told(from, [{ team: 'web' }])).toEqual([]);
  await writer.query(`INSERT INTO alert_matches (alert_id, service_id, metric) VALUES ($1, $2, 'm')`, [
    id,
    owner,
  ]);
  expect(await told(from, [{ team: 'db' }, { team: 'web' }])).toHaveLength(1);
  expect(await told(from, [{ team: 'web', env: 'test' }])).toEqual([]);
  expect(await told(from, [])).toEqual([]);
});

test('a definition is told to who sees it, and as gone to who saw it before', async () => {
  const id = newId();
  const change = (revision: number, kind = 'service') =>
    writer.query('INSERT INTO definition_changes (revision, kind, id) VALUES ($1, $2, $3)', [
      1_000_000 + revision,
      kind,
      id,
    ]);
  const first = await changes.now();
  await version('service', id, 1, { name: 'web', labels: { team: 'web' } });
  await change(1);
  const made = { type: 'definition', id, kind: 'service', name: 'web', change: 'created' };
  expect(await told(first, [{ team: 'web' }])).toEqual([made]);
  expect(await told(first, [{ team: 'db' }])).toEqual([]);
  const second = await changes.now();
  await version('service', id, 2, { name: 'secret name', labels: { team: 'db' } });
  await change(2);
  expect(await told(second, [{ team: 'web' }])).toEqual([{ ...made, change: 'deleted' }]);
  expect(await told(second, [{ team: 'db' }])).toEqual([{ ...made, name: 'secret name', change: 'changed' }]);
  const third = await changes.now();
  await writer.query('UPDATE definition_versions SET deleted_at = now() WHERE definition_id = $1', [id]);
  await change(3);
  expect(await told(third)).toEqual([{ ...made, name: 'secret name', change: 'deleted' }]);
});

test('sources are told to readers without a scope alone, whatever labels they give their alerts; users to nobody', async () => {
  const [source, user] = [newId(), newId()];
  const from = await changes.now();
  await version('source', source, 1, { name: 'zabbix', labels: { team: 'web' } });
  await writer.query(
    `INSERT INTO definition_changes (revision, kind, id) VALUES (2000001, 'source', $1), (2000002, 'user', $2)`,
    [source, user],
  );
  expect(await told(from, [{ team: 'web' }])).toEqual([]);
  expect(await told(from)).toEqual([
    { type: 'definition', id: source, kind: 'source', name: 'zabbix', change: 'created' },
  ]);
});

test('a silence is told to who sees what it covers, or what its maker may', async () => {
  const silence = (match: object, scopes: object[] | null) =>
    writer.query(
      `INSERT INTO silences (id, version, created_at, updated_at, owner, match, scopes, mutes, starts_at, ends_at, reason, on_end)
       VALUES ($1, 1, now(), now(), 'anna', $2, $3, 'actions', now(), now() + interval '1 hour', 'maintenance', 'act')`,
      [newId(), match, scopes === null ? null : JSON.stringify(scopes)],
    );
  await service({ team: 'silent' });
  const from = await changes.now();
  await silence({ labels: { team: 'silent' } }, null);
  expect(await told(from, [{ team: 'silent' }])).toMatchObject([
    { type: 'silence', name: 'maintenance', mutes: 'actions' },
  ]);
  expect(await told(from, [{ team: 'web' }])).toEqual([]);
  const second = await changes.now();
  await silence({ labels: { team: 'nobody' } }, [{ team: 'db' }]);
  expect(await told(second, [{ team: 'db' }])).toHaveLength(1);
  const third = await changes.now();
  await writer.query('UPDATE silences SET ended_at = now()');
  expect(await told(third)).toHaveLength(2);
});

test('everybody is told of the kill switch', async () => {
  const from = await changes.now();
  await writer.query(`UPDATE kill_switch SET is_on = true, reason = 'a test'`);
  expect(await told(from, [])).toEqual([
    { type: 'killSwitch', id: 'kill-switch', on: true, reason: 'a test' },
  ]);
});

// prettier-ignore
test.each([
  ['a user is disabled', `UPDATE users SET disabled = true`],
  ['groups change', `UPDATE users SET oidc_groups = '{}'`],
  ['a grant is given', `INSERT INTO grants (id, version, created_at, updated_at, anonymous, role, approve) VALUES (gen_random_uuid(), 1, now(), now(), true, 'viewer', false)`],
  ['a grant is taken back', 'DELETE FROM grants'],
  ['a token is deleted', 'DELETE FROM api_tokens'],
  ['a session ends', 'DELETE FROM sessions'],
  ['a user with sessions is deleted', 'DELETE FROM users'],
])('rights are asked for again where %s', async (_, statement) => {
  const user = newId();
  await writer.query(
    `INSERT INTO users (id, name, version, created_at, updated_at, display_name, groups, disabled) VALUES ($1::uuid, $1::text, 1, now(), now(), '', '{}', false)`,
    [user],
  );
  await writer.query(
    `INSERT INTO sessions (id, token_hash, user_id, created_at, last_used_at, expires_at, address, agent)
     VALUES ($1::uuid, decode($1::text, 'escape'), $2, now(), now(), now(), '', '')`,
    [newId(), user],
  );
  const from = await changes.now();
  expect((await changes.since(from)).rightsChanged).toBe(false);
  await writer.query(statement);
  const news = await changes.since(from);
  expect(news).toMatchObject({ rightsChanged: true, changes: [] });
});

test('more changes than are told one by one, and positions that say nothing here, are a reason to read all again', async () => {
  const id = await service({});
  const from = await changes.now();
  await writer.query(
    `INSERT INTO decisions (id, service_id, started_at, phase, reason, explanation, metric_values)
     SELECT gen_random_uuid(), $1, now(), 'ok', 'condition_false', '', '{}' FROM generate_series(1, $2::int)`,
    [id, CHANGES_AT_ONCE + 1],
  );
  const many = await changes.since(from);
  expect(many.changes).toBeUndefined();
  const now = many.position;
  for (const stranger of [
    { ...now, database: 'other' },
    { ...now, at: now.at - 3_601 },
    { ...now, seen: { ...now.seen, end: now.seen.end + 1_000n } },
  ])
    expect((await changes.since(stranger)).changes).toBeUndefined();
  expect((await changes.since(now)).changes).toEqual([]);
});

test('what nobody is told takes no places from what is', async () => {
  const [gone, id, user] = [newId(), await service({}), newId()];
  const from = await changes.now();
  await writer.query(
    `INSERT INTO decisions (id, service_id, started_at, phase, reason, explanation, metric_values)
     SELECT gen_random_uuid(), $1, now(), 'ok', 'condition_false', '', '{}' FROM generate_series(1, $2::int)`,
    [gone, CHANGES_AT_ONCE + 1],
  );
  await writer.query(
    `INSERT INTO definition_changes (revision, kind, id)
     SELECT 3000000 + n, 'user', $1 FROM generate_series(1, $2::int) n`,
    [user, CHANGES_AT_ONCE + 1],
  );
  await version('service', id, 1, { name: 'web', labels: {} });
  await writer.query(`INSERT INTO definition_changes (revision, kind, id) VALUES (4000000, 'service', $1)`, [
    id,
  ]);
  await decide(id, 'holding');
  expect((await told(from)).map((one) => (one as { type: string }).type).sort()).toEqual([
    'definition',
    'state',
  ]);
});

test('what another server wrote in what would be the future here is not told', async () => {
  const id = await service({});
  const from = await changes.now();
  await decide(id, 'holding');
  await writer.query(`UPDATE decisions SET written_by = '99999999999' WHERE service_id = $1`, [id]);
  expect(await told(from)).toEqual([]);
});
