import { randomUUID } from 'node:crypto';
import { openTestDatabase } from '../../test/databases';
import { whileHeld } from '../../test/middle/while-held';
import { until } from '../../test/program';
import { ManualClock } from '../common/clock';
import type { Config } from '../config/config';
import type { Database } from '../database/database';
import { SignOfLife } from '../database/sign-of-life';
import type { KillSwitch } from '../kill-switch/kill-switch';
import type { ClaimedExecution } from '../queue/claimed-execution';
import type { Queues } from '../queue/queues';
import type { Rechecks } from '../queue/rechecks';
import { Claims, LIMITS_LOCK } from './claims';
import { DoubtfulClaims } from './doubtful-claims';
import type { Ending } from './execution';
import { Executions } from './executions';

const HOUR = 3_600;
const succeeded: Ending = { status: 'succeeded', attempt: { outcome: 'succeeded' } };
const unknown: Ending = { status: 'unknown', attempt: { outcome: 'lost', error: 'gone' } };

/** Executions that were put on the queue. */
const onQueue: string[] = [];
const queues = {
  addExecutions: (some: { id: string }[]) => Promise.resolve(onQueue.push(...some.map(({ id }) => id))),
  addWaiting: () => Promise.resolve(true),
} as unknown as Queues;

describe('leases of executions', () => {
  let database: Database;
  let end: () => Promise<void>;
  let action: string;

  beforeAll(async () => {
    ({ database, end } = await openTestDatabase());
    action = await newAction();
  });
  afterAll(() => end());

  interface ActionLimits {
    concurrency?: number;
    target?: string;
    targetConcurrency?: number;
  }
  async function newAction({ concurrency, target, targetConcurrency }: ActionLimits = {}): Promise<string> {
    const id = randomUUID();
    await database.rows(
      `INSERT INTO actions (id, name, description, type, params, timeout_seconds, retry, version, created_at, updated_at,
         concurrency, target, target_concurrency)
       VALUES ($1::uuid, $1::uuid::text, '', 'webhook', '{}', 30, '{"attempts": 3, "backoffSeconds": 1, "maxBackoffSeconds": 60}', 1, now(), now(),
         $2, $3, $4)`,
      [id, concurrency, target, targetConcurrency],
    );
    return id;
  }

  /** A worker whose clock is so many seconds off. */
  function worker(offSeconds = 0, config: Partial<Config> = {}) {
    const clock = new ManualClock(new Date(Date.now() + offSeconds * 1000));
    const life = new SignOfLife(database);
    Object.defineProperty(life, 'canJudge', { value: true });
    const doubts = new DoubtfulClaims(database, queues, life, clock);
    const claims = new Claims(database, queues, life, doubts, config as Config, clock);
    const executions = new Executions(
      database,
      queues,
      claims,
      {} as KillSwitch,
      {} as Rechecks,
      life,
      clock,
    );
    return { life, claims, executions };
  }

  async function queued(of = action): Promise<string> {
    const id = randomUUID();
    await database.rows(
      `INSERT INTO executions (id, trigger_id, service_id, service_name, action_id, action_name, justification, variables, status,
         created_at, next_attempt_at) VALUES ($1, $1, $1, '', $2, 'tell', '', '{}', 'queued', now(), now())`,
      [id, of],
    );
    return id;
  }
  const row = async (id: string) =>
    (
      await database.rows<{ status: string; lease: number; attempts: { outcome?: string }[] }>(
        `SELECT status, extract(epoch FROM lease_until - now())::float8 AS lease, attempts FROM executions WHERE id = $1`,
        [id],
      )
    )[0]!;
  const taken = async (by: ReturnType<typeof worker>, id: string): Promise<ClaimedExecution> => {
    await by.life.good();
    return (await by.claims.claim(id, by.life.worker))!;
  };
  const die = (by: ReturnType<typeof worker>) =>
    database.rows(`UPDATE workers SET seen_at = now() - interval '8 seconds' WHERE id = $1`, [
      by.life.worker,
    ]);

  test.each([HOUR, 600, -600, -HOUR])(
    'are as long as they are to be, and nobody takes them who lives, though a clock is %i s off',
    async (offSeconds) => {
      const [right, wrong] = [worker(), worker(offSeconds)];
      for (const [first, second] of [
        [right, wrong],
        [wrong, right],
      ] as const) {
        const id = await queued();
        const claimed = await taken(first, id);
        expect(claimed.id).toBe(id);
        expect((await row(id)).lease).toBeGreaterThan(20);
        expect((await row(id)).lease).toBeLessThan(40.1);
        expect(await second.executions.lost(100)).toEqual([]);
        expect(await second.claims.claimLost(id, second.life.worker)).toBeUndefined();
        expect(await first.executions.intend(claimed, { nodes: 3 })).toBe(true);
        expect(await first.executions.finish(claimed, succeeded)).toBe(true);
        expect((await row(id)).status).toBe('succeeded');
      }
    },
  );

  test('what a dead worker had in hand is another one’s, and it finishes nothing any more', async () => {
    const [slept, other] = [worker(), worker()];
    const id = await queued();
    const before = await taken(slept, id);
    await die(slept);
    expect((await other.executions.lost(100)).map((one) => one.id)).toEqual([id]);
    const after = (await other.claims.claimLost(id, other.life.worker))!;
    expect(after.claimNumber).toBe(before.claimNumber + 1);
    expect(await slept.executions.isInHand(before)).toBe(false);
    expect(await slept.executions.intend(before, {})).toBe(false);
    expect(await slept.executions.finish(before, succeeded)).toBe(false);
    expect(await other.executions.finish(after, unknown)).toBe(true);
    expect(await row(id)).toMatchObject({ status: 'unknown', attempts: [{ outcome: 'lost' }] });
  });

  test('one that slept and took up its own again ends it by what it found last', async () => {
    const slept = worker();
    const id = await queued();
    const before = await taken(slept, id);
    await die(slept);
    // By the same process, with the same number of tries.
    const after = (await slept.claims.claimLost(id, slept.life.worker))!;
    expect([after.worker, after.tries]).toEqual([before.worker, before.tries]);
    expect(await slept.executions.finish(before, succeeded)).toBe(false);
    expect(await slept.executions.finish(after, unknown)).toBe(true);
  });

  test('one that slept and from which nothing was taken ends it as if it had not', async () => {
    const slept = worker();
    const id = await queued();
    const claimed = await taken(slept, id);
    await die(slept);
    expect(await slept.executions.isInHand(claimed)).toBe(true);
    expect(await slept.executions.finish(claimed, succeeded)).toBe(true);
  });

  test('retried by a person, an end of the time before is not written over it', async () => {
    const [slept, other] = [worker(), worker()];
    const id = await queued();
    const before = await taken(slept, id);
    await die(slept);
    const lost = (await other.claims.claimLost(id, other.life.worker))!;
    await other.executions.finish(lost, unknown);
    await database.rows(
      `UPDATE executions SET status = 'queued', tries = 0, next_attempt_at = now() WHERE id = $1`,
      [id],
    );
    const again = (await slept.claims.claim(id, slept.life.worker))!;
    expect(again.tries).toBe(before.tries);
    expect(await slept.executions.finish(before, succeeded)).toBe(false);
    expect((await row(id)).status).toBe('running');
  });

  test('of a release that gives no signs of life count until they end', async () => {
    const other = worker();
    const id = await queued();
    await other.claims.claim(id, randomUUID());
    const lost = async () => (await other.executions.lost(100)).some((one) => one.id === id);
    expect(await lost()).toBe(false);
    await database.rows(`UPDATE executions SET lease_until = now() - interval '1 second' WHERE id = $1`, [
      id,
    ]);
    expect(await lost()).toBe(true);
  });

  describe('of two workers at once', () => {
    test('each execution is one worker’s, whoever asks for which first', async () => {
      const workers = [worker(), worker(), worker()];
      const ids = await Promise.all(Array.from({ length: 40 }, () => queued()));
      const claims = await Promise.all(
        workers.flatMap((by, turn) => {
          const order = [...ids.slice(turn * 13), ...ids.slice(0, turn * 13)];
          // In batches, and by themselves.
          return order.map((id) => by.claims.claim(id, by.life.worker));
        }),
      );
      const given = claims.flatMap((one) => one?.id ?? []);
      expect([...given].sort()).toEqual([...ids].sort());
      const [{ most }] = (await database.rows(
        'SELECT max(claim_number) AS most FROM executions WHERE id = ANY($1)',
        [ids],
      )) as [{ most: number }];
      expect(most).toBe(1);
    });

    test('asked for twice by one worker, it is given out once', async () => {
      const by = worker();
      const id = await queued();
      const claims = await Promise.all([1, 2].map(() => by.claims.claim(id, by.life.worker)));
      expect(claims.filter((one) => one !== undefined)).toHaveLength(1);
    });

    test('taken over in the moment in which the old one finishes, it is the new one’s', async () => {
      const [slept, other] = [worker(), worker()];
      const id = await queued();
      const before = await taken(slept, id);
      // Another process takes it over, and has not committed.
      const finished = await whileHeld(database, {
        hold: (sql) =>
          sql.rows('UPDATE executions SET lease_owner = $2, claim_number = claim_number + 1 WHERE id = $1', [
            id,
            other.life.worker,
          ]),
        begin: () => slept.executions.finish(before, succeeded),
      });
      expect(finished).toBe(false);
      const after = { ...before, worker: other.life.worker, claimNumber: before.claimNumber + 1 };
      expect(await other.executions.finish(after, unknown)).toBe(true);
      expect(await row(id)).toMatchObject({ status: 'unknown', attempts: [{ outcome: 'lost' }] });
    });

    test('finished in the moment in which it is taken over, it is over', async () => {
      const [slept, other] = [worker(), worker()];
      const id = await queued();
      const before = await taken(slept, id);
      await die(slept);
      await database.transaction(async (sql) => {
        await sql.rows(`UPDATE executions SET status = 'succeeded', lease_owner = NULL WHERE id = $1`, [id]);
        // Rather than wait, it is left to the next sweep.
        expect(await other.claims.claimLost(id, other.life.worker)).toBeUndefined();
      });
      expect(await other.claims.claimLost(id, other.life.worker)).toBeUndefined();
      expect(await slept.executions.finish(before, unknown)).toBe(false);
    });

    test.each(['at once', 'one after the other'])(
      'ended twice %s, the first end is written once',
      async (how) => {
        const by = worker();
        const id = await queued();
        const claimed = await taken(by, id);
        const finish = () => by.executions.finish(claimed, succeeded);
        const ends =
          how === 'at once'
            ? // Batches: the second waits for the end of the first.
              await Promise.all([finish(), worker().executions.finish(claimed, unknown)])
            : [await finish(), await by.executions.finish(claimed, unknown)];
        expect(ends.filter(Boolean)).toHaveLength(1);
        const { status, attempts } = await row(id);
        expect(status).toBe(ends[0] ? 'succeeded' : 'unknown');
        expect(attempts).toHaveLength(1);
      },
    );
  });

  describe('that a limit holds', () => {
    const heldOf = async (id: string) =>
      (
        await database.rows<{ status: string; by: string | null; seconds: number | null }>(
          `SELECT status, held->>'by' AS by, extract(epoch FROM next_attempt_at - now())::float8 AS seconds FROM executions WHERE id = $1`,
          [id],
        )
      )[0]!;

    test.each<[string, (nth: number) => ActionLimits]>([
      ['action', () => ({ concurrency: 1 })],
      ['target', () => ({ target: 'api.example.com', targetConcurrency: 1 })],
    ])(
      'two workers do not take the last place of its %s, and its end makes room',
      async (limit, limitsOf) => {
        const workers = [worker(), worker()];
        const first = await newAction(limitsOf(0));
        const second = limit === 'action' ? first : await newAction(limitsOf(1));
        const ids = [await queued(first), await queued(second)];
        const claims = await whileHeld(database, {
          hold: (sql) => sql.rows('SELECT pg_advisory_xact_lock($1)', [LIMITS_LOCK]),
          begin: () => Promise.all(workers.map((by, index) => by.claims.claim(ids[index]!, by.life.worker))),
          waiting: 2,
        });
        const [claimed] = claims.filter((one) => one !== undefined);
        expect(claims.filter((one) => one === undefined)).toHaveLength(1);
        const held = ids.find((id) => id !== claimed!.id)!;
        expect(await heldOf(held)).toMatchObject({ status: 'queued', by: limit });
        expect((await heldOf(held)).seconds).toBeGreaterThan(20);
        const [by] = workers.filter(({ life }) => life.worker === claimed!.worker);
        expect(await by!.executions.finish(claimed!, succeeded)).toBe(true);
        await until(() => onQueue.includes(held), 2_000);
        expect((await by!.claims.claim(held, by!.life.worker))?.id).toBe(held);
        expect(await heldOf(held)).toMatchObject({ status: 'running', by: null });
      },
    );

    test('its service began enough in an hour: it waits until the oldest is an hour old', async () => {
      const service = randomUUID();
      await database.rows(
        `INSERT INTO services (id, name, description, labels, enabled, interval_seconds, slot, polled, metrics, series, condition, hold_seconds,
           wisdom_seconds, repeat, missing_data, policy, action_ids, mode, approval_ttl_seconds, max_actions_per_hour, version, created_at, updated_at)
         VALUES ($1, 'limited', '', '{}', true, 10, 1, true, '{}', '{}', 'true', 0, 0, true, 'hold', '{}', '{}', 'auto', 60, 1, 1, now(), now())`,
        [service],
      );
      const [by, ids] = [worker(), [await queued(), await queued()]];
      await database.rows('UPDATE executions SET service_id = $2 WHERE id = ANY($1)', [ids, service]);
      const claims = await Promise.all(ids.map((id) => by.claims.claim(id, by.life.worker)));
      expect(claims.filter((one) => one !== undefined)).toHaveLength(1);
      const held = await heldOf(ids[claims.indexOf(undefined)]!);
      expect(held).toMatchObject({ status: 'queued', by: 'service' });
      expect(held.seconds).toBeGreaterThan(3_500);
      expect(held.seconds).toBeLessThan(3_601);
    });

    test('so many began in an hour: no worker begins another', async () => {
      const [{ count }] = (await database.rows(
        `SELECT count(*)::int AS count FROM executions WHERE started_at > now() - interval '1 hour'`,
      )) as [{ count: number }];
      const workers = [1, 2].map(() => worker(0, { maxActionsPerHour: count + 1 }));
      const ids = [await queued(), await queued()];
      const claims = await Promise.all(
        workers.map((by, index) => by.claims.claim(ids[index]!, by.life.worker)),
      );
      expect(claims.filter((one) => one !== undefined)).toHaveLength(1);
      expect(await heldOf(ids[claims.indexOf(undefined)]!)).toMatchObject({
        status: 'queued',
        by: 'overall',
      });
    });
  });
});
