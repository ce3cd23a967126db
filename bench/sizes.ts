/**
 * What a thing costs when there are 1,000, 10,000 and 100,000 of them: statements and background jobs, each on a real
 * PostgreSQL. Fails where one of many costs more than it may beside one of few.
 *
 *     npm run bench sizes
 *     npm run bench sizes -- --only roll-ups --sizes 1000,10000
 */
import { parseArgs } from 'node:util';
import type { IncomingAlert } from '../src/alerts/alert';
import { LocalAlertDispatch } from '../src/alerts/local-alert-dispatch';
import { AlertIngest } from '../src/alerts/alert-ingest';
import type { SourceActivity } from '../src/alerts/source-activity';
import { Subscriptions } from '../src/alerts/subscriptions';
import { Claims } from '../src/actions/claims';
import { DoubtfulClaims } from '../src/actions/doubtful-claims';
import { Executions } from '../src/actions/executions';
import { chunks } from '../src/common/chunks';
import { newId } from '../src/common/ids';
import { readConfig } from '../src/config/config';
import { Database } from '../src/database/database';
import { SignOfLife } from '../src/database/sign-of-life';
import { Retention } from '../src/history/retention';
import { RollUps } from '../src/history/roll-ups';
import { partitionsOf, RAW } from '../src/history/tables';
import type { KillSwitch } from '../src/kill-switch/kill-switch';
import type { Queues } from '../src/queue/queues';
import type { Rechecks } from '../src/queue/rechecks';
import { ADMIN_TOKEN, BenchProgram, sleep } from './program';

const SIZES = [1_000, 10_000, 100_000];
/** One of the most may cost so many times what one of the second most does. */
const FACTOR = 3;
const AT_ONCE = 10_000;
/** So many that what PostgreSQL does beside them, which learns of new tables, counts little. */
const SWEEPS = 300;
const DAY_MS = 86_400_000;
/** Less than this is not told from nothing by a clock of 10 ms. */
const MEASURABLE_SECONDS = 0.1;

interface World {
  program: BenchProgram;
  database: Database;
  /** That knows the subscriptions already; else one is made. */
  intake?: AlertIngest;
}

/** Something that is done to `n` things. */
interface Case {
  name: string;
  /** What does not count. */
  prepare?(world: World, n: number): Promise<void>;
  run(world: World, n: number): Promise<void>;
  /** It does not depend on how many there are: what all of it costs is compared. */
  isFlat?: true;
  /** So many at most: what is beyond would take all day. */
  atMost?: number;
}

const clock = { now: () => new Date() };
const config = readConfig({});
/** Redis carries; what is measured here is the rest. */
const queues = {
  addAlerts: () => Promise.resolve(true),
  addServices: () => Promise.resolve(true),
  addExecutions: () => Promise.resolve(true),
  addWaiting: () => Promise.resolve(true),
} as unknown as Queues;

const intakeOf = (database: Database): AlertIngest =>
  new AlertIngest(
    database,
    queues,
    { count: () => undefined } as unknown as SourceActivity,
    new Subscriptions(database),
    new LocalAlertDispatch(),
    clock,
  );

const alertOf = (run: string, index: number, text = ''): IncomingAlert => ({
  dedupKey: `${run}-${index}`,
  status: 'firing',
  labels: { alertname: 'WebDown', host: `web-${index}` },
  annotations: { summary: text },
});

async function send(
  { database, intake = intakeOf(database) }: World,
  n: number,
  run: string,
  text = '',
): Promise<void> {
  const alerts = Array.from({ length: n }, (_, index) => alertOf(run, index, text));
  for (const some of chunks(alerts, AT_ONCE)) await intake.accept({ name: 'bench', format: 'native' }, some);
}

/** Seen within the last second they would only be looked at. */
const SEEN_AGO_MS = 1_100;

async function keepAlerts(world: World, n: number): Promise<void> {
  await send(world, n, `kept-${n}`);
  await sleep(SEEN_AGO_MS);
}

async function queueExecutions({ database }: World, n: number): Promise<void> {
  await database.rows('TRUNCATE executions, triggers, trigger_alerts');
  await database.rows(
    `WITH t AS (
       INSERT INTO triggers (id, service_id, at, justification, kind)
       SELECT gen_random_uuid(), s.id, now(), '', 'breach' FROM services s WHERE s.name = 'template' RETURNING id, service_id)
     INSERT INTO executions (id, trigger_id, service_id, service_name, action_id, action_name, status, justification, variables,
       next_attempt_at, created_at, attempts)
     SELECT gen_random_uuid(), t.id, t.service_id, 'template', a.id, a.name, 'queued', '', '{}', now() - interval '1 hour', now(), '[]'
     FROM t, actions a, generate_series(1, $1::int)`,
    [n],
  );
}

/** A worker's view of executions. */
function workerOf(database: Database) {
  const life = new SignOfLife(database);
  const doubts = new DoubtfulClaims(database, queues, life, clock);
  const claims = new Claims(database, queues, life, doubts, config, clock);
  const executions = new Executions(database, queues, claims, {} as KillSwitch, {} as Rechecks, life, clock);
  return { life, claims, executions };
}

async function runExecutions({ database }: World): Promise<void> {
  const { life, claims, executions } = workerOf(database);
  const open = await database.rows<{ id: string }>('SELECT id FROM executions');
  for (const some of chunks(open, 500)) {
    const claimed = await Promise.all(some.map(({ id }) => claims.claim(id, life.worker)));
    const finished = claimed.map((one) =>
      executions.finish(one!, { status: 'succeeded', attempt: { outcome: 'succeeded' } }),
    );
    if (!(await Promise.all(finished)).every(Boolean)) throw new Error('an execution was lost');
  }
}

const STEP = Math.floor((Date.now() - DAY_MS) / 3_600_000) * 3_600_000;

async function recordFiveMinutes({ database }: World, n: number): Promise<void> {
  await database.rows('TRUNCATE samples, samples_5m, samples_1h');
  await database.rows('UPDATE roll_ups SET done_until = $1, begun_until = NULL, after_group = NULL', [
    new Date(STEP),
  ]);
  await partitionsOf(database, RAW).ensure([STEP]);
  for (let from = 0; from < n; from += AT_ONCE) {
    await database.rows(
      `INSERT INTO samples SELECT g, $1::timestamptz + make_interval(secs => s), ARRAY[random()]
       FROM generate_series(0, 290, 10) s, generate_series($2::int, $3::int) g`,
      [new Date(STEP), from, Math.min(from + AT_ONCE, n) - 1],
    );
  }
}

async function rollUp({ database }: World, n: number): Promise<void> {
  await new RollUps(database, config, { now: () => new Date(STEP + 900_000) }).round();
  const [row] = await database.rows<{ count: number }>('SELECT count(*)::int AS count FROM samples_5m');
  if (row!.count !== n) throw new Error(`${row!.count} steps were made of ${n} groups`);
}

async function get({ program }: World, path: string): Promise<{ nextCursor?: string }> {
  const response = await fetch(`${program.url}/api/v1${path}`, {
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as { nextCursor?: string };
}

async function walk(world: World, path: string): Promise<void> {
  for (let cursor = ''; ;) {
    const { nextCursor } = await get(world, `${path}?limit=500${cursor}`);
    if (!nextCursor) return;
    cursor = `&cursor=${encodeURIComponent(nextCursor)}`;
  }
}

/** Copies that are switched off: what polls cost is measured by another bench. */
async function keepServices({ program, database }: World, n: number): Promise<void> {
  await database.rows(`DELETE FROM services WHERE name LIKE 'copy-%'`);
  await program.copyService('template', n, {
    series: `jsonb_build_object('n', nextval('series_group_id') * 100)`,
    metrics: `jsonb_set(s.metrics, '{n,params,match,host}', to_jsonb('web-' || c.n))`,
  });
}

/** A service that triggers once for each of its alerts, which all live on. */
async function keepEager({ program, database }: World): Promise<void> {
  await database.rows(`DELETE FROM services WHERE name = 'eager'`);
  await database.rows('TRUNCATE alerts, alert_matches, trigger_alerts, executions, triggers');
  await program.post('/api/v1/services', {
    name: 'eager',
    metrics: { n: { type: 'alert', params: { match: { alertname: 'Each' } } } },
    condition: 'n > 0.0',
    wisdomSeconds: 0,
    actions: ['log'],
  });
}

async function triggerEach({ program, database }: World, n: number): Promise<void> {
  const alerts = Array.from({ length: n }, (_, index) => ({
    labels: { alertname: 'Each', host: `web-${index}` },
  }));
  for (const some of chunks(alerts, AT_ONCE)) await program.post('/api/v1/alerts', some);
  for (let triggers = 0; triggers < n;) {
    await sleep(100);
    const [row] = await database.rows<{ triggers: number }>('SELECT count(*)::int AS triggers FROM triggers');
    ({ triggers } = row!);
  }
}

const CASES: readonly Case[] = [
  { name: 'alerts that are new', run: (world, n) => send(world, n, newId()) },
  {
    name: 'alerts seen again',
    prepare: keepAlerts,
    run: (world, n) => send(world, n, `kept-${n}`),
  },
  {
    name: 'alerts that changed',
    prepare: keepAlerts,
    run: (world, n) => send(world, n, `kept-${n}`, newId()),
  },
  {
    name: 'alerts that are kept no longer',
    prepare: async ({ database }, n) => {
      await database.rows('TRUNCATE alerts, alert_matches, trigger_alerts');
      await send({ database } as World, n, newId());
      await database.rows(
        `UPDATE alerts SET last_seen_at = now() - interval '1 year', ends_at = now() - interval '1 year'`,
      );
    },
    run: async ({ database }) => {
      for (let left = 1; left > 0;) {
        await new Retention(database, config, clock).round();
        [{ left }] = (await database.rows<{ left: number }>('SELECT count(*)::int AS left FROM alerts')) as [
          { left: number },
        ];
      }
    },
  },
  {
    name: 'triggers of one service, one for each alert',
    prepare: keepEager,
    run: triggerEach,
    atMost: 10_000,
  },
  { name: 'executions claimed and finished', prepare: queueExecutions, run: runExecutions },
  {
    name: 'sweep beside executions that wait',
    prepare: async (world, n) => {
      await queueExecutions(world, n);
      // As after a minute: while PostgreSQL takes the table for empty, each look sorts all that wait.
      await world.database.rows('ANALYZE executions');
    },
    run: async ({ database }) => {
      const { executions } = workerOf(database);
      for (let round = 0; round < SWEEPS; round++) {
        await executions.overdue(clock.now(), 2_000);
        await executions.lost(2_000);
        await executions.look(clock.now(), clock.now());
      }
    },
    isFlat: true,
  },
  { name: 'roll-ups of 5 minutes', prepare: recordFiveMinutes, run: rollUp },
  {
    name: 'subscriptions read',
    prepare: keepServices,
    run: ({ database }) => new Subscriptions(database).current().then(() => undefined),
  },
  {
    name: '10,000 alerts beside subscriptions by a label',
    prepare: async (world, n) => {
      await keepServices(world, n);
      world.intake = intakeOf(world.database);
      await send(world, 1, newId());
    },
    run: async (world) => {
      await send(world, AT_ONCE, newId());
      world.intake = undefined;
    },
    isFlat: true,
  },
  { name: 'services listed', prepare: keepServices, run: (world) => walk(world, '/services') },
  {
    name: 'services exported',
    prepare: keepServices,
    run: (world) => get(world, '/export').then(() => undefined),
  },
  {
    name: 'one service changed',
    prepare: async (world, n) => {
      await keepServices(world, n);
      // What is new to the program is read by the first who asks.
      await get(world, '/services/copy-1/state');
      await sleep(5_000);
    },
    run: async ({ program }) => {
      for (let change = 0; change < 20; change++) {
        const response = await fetch(`${program.url}/api/v1/services/copy-1`, {
          method: 'PATCH',
          headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
          body: JSON.stringify({ description: String(change) }),
        });
        if (!response.ok) throw new Error(await response.text());
      }
    },
    isFlat: true,
  },
];

interface Measured {
  seconds: number;
  cpuSeconds: number;
}

async function measure(world: World, one: Case, n: number): Promise<Measured> {
  await one.prepare?.(world, n);
  // The program's own user may not; a checkpoint that falls into the measure costs little.
  await world.database.rows('CHECKPOINT').catch(() => undefined);
  const cpu = () => {
    const { program, postgres } = world.program.usage();
    const { user, system } = process.cpuUsage();
    return program.cpuSeconds + postgres.cpuSeconds + (user + system) / 1e6;
  };
  const [began, before] = [performance.now(), cpu()];
  await one.run(world, n);
  return { seconds: (performance.now() - began) / 1000, cpuSeconds: cpu() - before };
}

/** How much more one of the last costs than one of those before; of what can't be measured nothing is said. */
function slopeOf({ isFlat }: Case, sizes: readonly number[], measured: readonly Measured[]): number {
  const [few, many] = [measured.at(-2), measured.at(-1)];
  if (few === undefined || many === undefined) return NaN;
  const times = isFlat ? 1 : sizes.at(-1)! / sizes.at(-2)!;
  return many.cpuSeconds / (Math.max(few.cpuSeconds, MEASURABLE_SECONDS) * times);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { only: { type: 'string', default: '' }, sizes: { type: 'string', default: SIZES.join(',') } },
  });
  const sizes = values.sizes.split(',').map(Number);
  // Without a scheduler: it would do by itself what is measured.
  const program = await BenchProgram.start({ MONSCALE_ROLE: 'api,worker', MONSCALE_QUEUES: 'polls,alerts' });
  const database = new Database(Object.freeze({ ...config, databaseUrl: program.databaseUrl }));
  await database.onModuleInit();
  const world = { program, database };
  const tooSteep: string[] = [];
  try {
    await program.post('/api/v1/actions', { name: 'log', type: 'log_message', params: { message: 'x' } });
    await program.post('/api/v1/services', {
      name: 'template',
      metrics: { n: { type: 'alert', params: { match: { alertname: 'None', host: 'template' } } } },
      condition: 'n > 0.0',
      actions: ['log'],
    });
    console.log(
      `\n${'what'.padEnd(48)}${'of'.padStart(8)}${'s'.padStart(9)}${'CPU s'.padStart(9)}${'µs each'.padStart(10)}`,
    );
    for (const one of CASES.filter(({ name }) => name.includes(values.only))) {
      const measured: Measured[] = [];
      const fitting = sizes.filter((n) => n <= (one.atMost ?? Infinity));
      for (const n of fitting) {
        const taken = await measure(world, one, n);
        measured.push(taken);
        const each = one.isFlat ? '' : ((taken.cpuSeconds * 1e6) / n).toFixed(1);
        console.log(
          `${one.name.padEnd(48)}${String(n).padStart(8)}${taken.seconds.toFixed(2).padStart(9)}${taken.cpuSeconds.toFixed(2).padStart(9)}${each.padStart(10)}`,
        );
      }
      const slope = slopeOf(one, fitting, measured);
      if (slope > FACTOR)
        tooSteep.push(`${one.name}: one of ${fitting.at(-1)} costs ${slope.toFixed(1)} times as much`);
    }
  } finally {
    await database.onApplicationShutdown();
    await program.stop();
  }
  if (tooSteep.length === 0) return;
  console.error(`\nmore than ${FACTOR} times as much where there are more:\n${tooSteep.join('\n')}`);
  process.exitCode = 1;
}

void main();
