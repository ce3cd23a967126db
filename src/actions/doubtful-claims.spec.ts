import { randomUUID } from 'node:crypto';
import { openTestDatabase } from '../../test/databases';
import { until } from '../../test/program';
import { ManualClock } from '../common/clock';
import { Unavailable } from '../common/errors';
import type { Config } from '../config/config';
import type { Database } from '../database/database';
import { SignOfLife } from '../database/sign-of-life';
import type { ClaimedExecution } from '../queue/claimed-execution';
import type { Queues } from '../queue/queues';
import { Claims } from './claims';
import { DoubtfulClaims } from './doubtful-claims';

const onQueue: string[] = [];
const queues = {
  addExecutions: (some: { id: string }[]) => Promise.resolve(onQueue.push(...some.map(({ id }) => id)) > 0),
} as unknown as Queues;

describe('claims whose answer is lost', () => {
  let database: Database;
  let end: () => Promise<void>;
  let life: SignOfLife;
  let doubts: DoubtfulClaims;
  let claims: Claims;
  /** What the next claims of the worker meet: their statement is run, and its answer never comes. */
  let losesAnswers = false;
  const action = randomUUID();

  beforeAll(async () => {
    ({ database, end } = await openTestDatabase());
    await database.rows(
      `INSERT INTO actions (id, name, description, type, params, timeout_seconds, retry, version, created_at, updated_at)
       VALUES ($1, 'tell', '', 'webhook', '{}', 30, '{"attempts": 3, "backoffSeconds": 1, "maxBackoffSeconds": 60}', 1, now(), now())`,
      [action],
    );
  });
  afterAll(() => end());
  beforeEach(() => {
    losesAnswers = false;
    onQueue.length = 0;
    life = new SignOfLife(database);
    const clock = new ManualClock(new Date());
    const keyed = {
      rows: async (...asked: Parameters<Database['keyed']['rows']>) => {
        const rows = await database.keyed.rows(...asked);
        if (losesAnswers) throw new Unavailable('PostgreSQL is away: Connection terminated');
        return rows;
      },
    };
    doubts = new DoubtfulClaims(database, queues, life, clock);
    claims = new Claims({ keyed } as Database, queues, life, doubts, {} as Config, clock);
  });
  afterEach(() => doubts.beforeApplicationShutdown());

  async function execution(status = 'queued', more = ''): Promise<string> {
    const id = randomUUID();
    await database.rows(
      `INSERT INTO executions (id, trigger_id, service_id, service_name, action_id, action_name, justification, variables, status,
         created_at, next_attempt_at) VALUES ($1, $1, $1, '', $2, 'tell', '', '{}', $3, now(), now())`,
      [id, action, status],
    );
    if (more !== '') await database.rows(`UPDATE executions SET ${more} WHERE id = $1`, [id]);
    return id;
  }
  const row = async (id: string) =>
    (
      await database.rows<{
        status: string;
        tries: number;
        attempts: object[];
        owner: string | null;
        left: number;
      }>(
        `SELECT status, tries, attempts, lease_owner AS owner, started_at, extract(epoch FROM lease_until - now())::float8 AS left
         FROM executions WHERE id = $1`,
        [id],
      )
    )[0]!;
  const loseOne = async (work: () => Promise<unknown>) => {
    losesAnswers = true;
    await expect(work()).rejects.toThrow(Unavailable);
    losesAnswers = false;
  };
  const givenBack = (id: string) =>
    until(async () => ((await row(id)).owner === null ? true : undefined), 5_000, 'it is given back');
  const quiet = () => new Promise((resolve) => setTimeout(resolve, 2_500));

  it('are undone as soon as PostgreSQL answers again: the execution is as it was, queued and nobody’s', async () => {
    const id = await execution();
    await loseOne(() => claims.claim(id, life.worker));
    expect(await row(id)).toMatchObject({ status: 'running', tries: 1, owner: life.worker });
    await givenBack(id);
    expect(await row(id)).toMatchObject({ status: 'queued', tries: 0, attempts: [], started_at: null });
    await until(() => onQueue.includes(id), 1_000);
    expect(await claims.claim(id, life.worker)).toMatchObject({ id, tries: 1 });
  });

  it('keep the attempts of before', async () => {
    const before = { startedAt: '2026-01-01T00:00:00.000Z', outcome: 'retryable' };
    const id = await execution(
      'queued',
      `tries = 1, started_at = now(), attempts = '[${JSON.stringify(before)}]'`,
    );
    await loseOne(() => claims.claim(id, life.worker));
    expect((await row(id)).attempts).toHaveLength(2);
    await givenBack(id);
    expect(await row(id)).toMatchObject({ status: 'queued', tries: 1, attempts: [before] });
  });

  it('take nothing from who has it in hand, nor once its end could not be written', async () => {
    const id = await execution();
    const claimed = (await claims.claim(id, life.worker)) as ClaimedExecution;
    const held = doubts.withHeld(claimed, async () => {
      await loseOne(() => claims.claim(id, life.worker));
      await quiet();
      expect(await row(id)).toMatchObject({ status: 'running', owner: life.worker });
      throw new Error('its end is not written');
    });
    await expect(held).rejects.toThrow('its end is not written');
    await loseOne(() => claims.claim(id, life.worker));
    await quiet();
    expect(await row(id)).toMatchObject({ status: 'running', owner: life.worker, tries: 1 });
  });

  it('of what a dead worker left end the lease, and forget nothing that it may have sent', async () => {
    const attempt = { startedAt: '2026-01-01T00:00:00.000Z', intended: { nodes: 3 } };
    const id = await execution(
      'running',
      `tries = 1, lease_owner = gen_random_uuid(), lease_until = now() - interval '1 second', attempts = '[${JSON.stringify(attempt)}]'`,
    );
    await loseOne(() => claims.claimLost(id, life.worker));
    expect((await row(id)).left).toBeGreaterThan(20);
    await until(async () => ((await row(id)).left < 0 ? true : undefined), 5_000, 'the lease is over');
    expect(await row(id)).toMatchObject({ status: 'running', tries: 1, attempts: [attempt] });
  });

  it('of decisions are undone as well; what was never committed is left alone', async () => {
    const id = await execution(
      'running',
      `tries = 1, started_at = now(), lease_owner = '${life.worker}', lease_until = now() + interval '40 seconds',
       attempts = '[{"startedAt": "2026-01-01T00:00:00.000Z"}]'`,
    );
    const other = await execution(
      'running',
      `lease_owner = gen_random_uuid(), lease_until = now() + interval '40 seconds', attempts = '[{}]'`,
    );
    doubts.notBegun([id, other, randomUUID()]);
    await givenBack(id);
    expect(await row(id)).toMatchObject({ status: 'queued', tries: 0 });
    expect((await row(other)).status).toBe('running');
  });
});
