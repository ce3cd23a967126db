import { randomUUID } from 'node:crypto';
import { openTestDatabase } from '../../test/databases';
import { ManualClock } from '../common/clock';
import type { Config } from '../config/config';
import type { Database } from '../database/database';
import { SignOfLife } from '../database/sign-of-life';
import type { KillSwitch } from '../kill-switch/kill-switch';
import type { ClaimedExecution } from '../queue/claimed-execution';
import type { Queues } from '../queue/queues';
import type { Rechecks } from '../queue/rechecks';
import { Claims } from './claims';
import type { Ending } from './execution';
import { Executions } from './executions';

const HOUR = 3_600;
const succeeded: Ending = { status: 'succeeded', attempt: { outcome: 'succeeded' } };
const unknown: Ending = { status: 'unknown', attempt: { outcome: 'lost', error: 'gone' } };

const queues = {
  addExecutions: () => Promise.resolve(true),
  addWaiting: () => Promise.resolve(true),
} as unknown as Queues;

describe('leases of executions', () => {
  let database: Database;
  let end: () => Promise<void>;
  let action: string;

  beforeAll(async () => {
    ({ database, end } = await openTestDatabase());
    action = randomUUID();
    await database.rows(
      `INSERT INTO actions (id, name, description, type, params, timeout_seconds, retry, version, created_at, updated_at)
       VALUES ($1, 'tell', '', 'webhook', '{}', 30, '{"attempts": 3, "backoffSeconds": 1, "maxBackoffSeconds": 60}', 1, now(), now())`,
      [action],
    );
  });
  afterAll(() => end());

  /** A worker whose clock is so many seconds off. */
  function worker(offSeconds = 0) {
    const clock = new ManualClock(new Date(Date.now() + offSeconds * 1000));
    const life = new SignOfLife(database);
    Object.defineProperty(life, 'canJudge', { value: true });
    const claims = new Claims(database, queues, life, {} as Config, clock);
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

  async function queued(): Promise<string> {
    const id = randomUUID();
    await database.rows(
      `INSERT INTO executions (id, trigger_id, service_id, service_name, action_id, action_name, justification, variables, status,
         created_at, next_attempt_at) VALUES ($1, $1, $1, '', $2, 'tell', '', '{}', 'queued', now(), now())`,
      [id, action],
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
});
