import { randomUUID } from 'node:crypto';
import { openTestDatabase } from '../../test/databases';
import { programClock } from '../common/clock';
import { Unavailable } from '../common/errors';
import type { Database } from '../database/database';
import type { Queues } from '../queue/queues';
import { COUNTED_AT_MOST, Scaling } from './scaling';

describe('what waits for workers', () => {
  let database: Database;
  let end: () => Promise<void>;
  let scaling: Scaling;
  let onRedis: () => Promise<{ jobs: number; oldestDueAt?: number }>;

  beforeAll(async () => {
    ({ database, end } = await openTestDatabase());
    const queues = { waitingPolls: () => onRedis() } as unknown as Queues;
    scaling = new Scaling(database, queues, programClock);
  });
  beforeEach(async () => {
    onRedis = () => Promise.resolve({ jobs: 0 });
    await database.rows('TRUNCATE executions, alerts, service_states, changed_services, services CASCADE');
    await database.rows(`UPDATE kill_switch SET is_on = false`);
    await database.rows(`UPDATE poll_clock SET ticked_until = now()`);
  });
  afterAll(() => end());

  const ago = (seconds: number) => `now() - interval '${seconds} seconds'`;

  const execute = (status: string, nextAttemptAt: string, held = 'NULL', count = 1) =>
    database.rows(
      `INSERT INTO executions (id, trigger_id, service_id, service_name, action_id, action_name, justification, variables, attempts,
         created_at, status, next_attempt_at, held)
       SELECT gen_random_uuid(), $1, $1, '', $1, '', '', '{}', '[]', now(), '${status}', ${nextAttemptAt}, ${held}
       FROM generate_series(1, ${count})`,
      [randomUUID()],
    );
  const alert = (receivedAt: string, lastSeenAt: string, revision: number, processed: number) =>
    database.rows(
      `INSERT INTO alerts (id, source, format, dedup_key, status, labels, annotations, at, received_at, last_seen_at, is_current,
         revision, processed, reported_at)
       VALUES ($1::uuid, 's', 'native', $1::uuid::text, 'firing', '{}', '{}', now(), ${receivedAt}, ${lastSeenAt}, true, ${revision},
         ${processed}, now())`,
      [randomUUID()],
    );
  const service = (nextMoment: string | undefined, isPolled: boolean) =>
    database.rows(
      `WITH made AS (INSERT INTO services (id, name, description, labels, enabled, interval_seconds, slot, polled, metrics, series,
           condition, hold_seconds, wisdom_seconds, repeat, missing_data, policy, action_ids, mode, approval_ttl_seconds, version,
           created_at, updated_at)
         VALUES ($1::uuid, $1::uuid::text, '', '{}', true, 30, 1, ${isPolled}, '{}', '{}', 'true', 0, 0, true, 'hold', '{}', '{}',
           'auto', 900, 1, now(), now()) RETURNING id)
       INSERT INTO service_states (service_id, state, decision_id, next_moment) SELECT id, '{}', id, ${nextMoment ?? 'NULL'} FROM made`,
      [randomUUID()],
    );

  /** Ages are compared to the second. */
  async function found(...names: Parameters<Scaling['waiting']>): Promise<object> {
    const answer = await scaling.waiting(...names);
    return Object.fromEntries(
      Object.entries(answer).map(([name, { waiting, oldestSeconds }]) => [
        name,
        [waiting, Math.floor(oldestSeconds)],
      ]),
    );
  }

  test('is nothing where nothing waits', async () => {
    expect(await scaling.waiting()).toEqual({
      polls: { waiting: 0, oldestSeconds: 0 },
      alerts: { waiting: 0, oldestSeconds: 0 },
      actions: { waiting: 0, oldestSeconds: 0 },
    });
  });

  test('of actions is what a worker could begin: due, or to be asked after, and held by no limit', async () => {
    await execute('queued', ago(40));
    await execute('queued', ago(-40));
    await execute('queued', ago(900), `'{"by": "action"}'`);
    await execute('waiting', ago(20));
    await execute('waiting', ago(-20));
    for (const status of ['running', 'succeeded', 'awaiting_approval', 'unknown'])
      await execute(status, ago(800));
    expect(await found(['actions'])).toEqual({ actions: [2, 40] });
    await database.rows(`UPDATE kill_switch SET is_on = true`);
    expect(await found(['actions'])).toEqual({ actions: [1, 20] });
  });

  test('of alerts are those that no rule has seen, moments that have come, and services that changed', async () => {
    await alert(ago(50), ago(50), 1, 0);
    await alert(ago(900), ago(900), 1, 1);
    expect(await found(['alerts'])).toEqual({ alerts: [1, 50] });
    // It is old, and what is new about it is not.
    await alert(ago(900), ago(70), 2, 1);
    await service(ago(60), false);
    await service(ago(-60), false);
    expect(await found(['alerts'])).toEqual({ alerts: [3, 70] });
    await service(undefined, false);
    await database.rows(
      `INSERT INTO changed_services SELECT id, 1, ${ago(90)} FROM services ORDER BY id LIMIT 1`,
    );
    expect(await found(['alerts'])).toEqual({ alerts: [4, 90] });
  });

  test('a moment that lies ahead is no age below 0', async () => {
    await alert(ago(-30), ago(-30), 1, 0);
    expect(await scaling.waiting(['alerts'])).toEqual({ alerts: { waiting: 1, oldestSeconds: 0 } });
  });

  test('is not counted to its end, and its oldest is found all the same', async () => {
    await execute('queued', ago(10), 'NULL', COUNTED_AT_MOST + 5);
    await execute('queued', ago(300));
    expect(await found(['actions'])).toEqual({ actions: [COUNTED_AT_MOST, 300] });
  });

  test('of polls is what stands on the queue', async () => {
    const now = programClock.now().getTime();
    onRedis = () => Promise.resolve({ jobs: 7, oldestDueAt: now - 25_500 });
    expect(await found(['polls'])).toEqual({ polls: [7, 25] });
  });

  test('is an error, never 0, while Redis does not answer', async () => {
    onRedis = () => Promise.reject(new Error('no connection (end)'));
    await expect(scaling.waiting()).rejects.toThrow(Unavailable);
    await expect(scaling.waiting(['polls'])).rejects.toThrow(/Redis.*no connection/);
    // Whoever asks for others alone is answered.
    expect(await found(['alerts', 'actions'])).toEqual({ alerts: [0, 0], actions: [0, 0] });
  });

  test.each([
    [`'-infinity'`, /no scheduler has put any on the queue yet/],
    [ago(45), /no scheduler has put any on the queue for 45 s/],
  ])('which polls are due is not known while the tick is at %s', async (tick, words) => {
    await database.rows(`UPDATE poll_clock SET ticked_until = ${tick}`);
    // Nothing is polled: nothing can be due.
    expect(await found(['polls'])).toEqual({ polls: [0, 0] });
    await service(undefined, true);
    await expect(scaling.waiting(['polls'])).rejects.toThrow(words);
    await database.rows(`UPDATE poll_clock SET ticked_until = ${ago(3)}`);
    expect(await found(['polls'])).toEqual({ polls: [0, 0] });
  });

  test('is an error while PostgreSQL is away', async () => {
    const away = { rows: () => Promise.reject(new Unavailable('PostgreSQL is away')) } as unknown as Database;
    const blind = new Scaling(away, { waitingPolls: () => onRedis() } as unknown as Queues, programClock);
    for (const queue of ['polls', 'alerts', 'actions'] as const)
      await expect(blind.waiting([queue])).rejects.toThrow(Unavailable);
  });
});
