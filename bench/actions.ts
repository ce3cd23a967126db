/**
 * The action queue: webhooks to one sink on this machine, every state committed; and a burst of breaches to their
 * webhooks, beside Alertmanager's.
 *
 *     npm run bench actions -- --executions 10000 --burst 5000 --processes 2
 */
import { parseArgs } from 'node:util';
import { newId } from '../src/common/ids';
import type { Burst } from './breaches';
import { firstBurst, knownBursts, withProgram } from './bursts';
import { type BenchProgram, printTable, quantile, until } from './program';
import type { Sink } from './sink';

const SAMPLE_MS = 200;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      executions: { type: 'string', default: '10000' },
      burst: { type: 'string', default: '5000' },
      processes: { type: 'string', default: '2' },
    },
  });
  await withProgram(values.processes, (program, sink) => queued(program, Number(values.executions), sink));
  await measureBurst(Number(values.burst), values.processes);
}

async function queued(program: BenchProgram, executions: number, { origin, keys }: Sink): Promise<void> {
  const params = { url: `${origin}/{{ service.name }}` };
  const { id: action } = await program.post<{ id: string }>('/api/v1/actions', {
    name: 'tell',
    type: 'webhook',
    params,
  });
  await insertFailed(program, executions, action);
  const before = program.usage();
  let oldest = 0;
  let looking = Promise.resolve();
  const look = async (): Promise<void> => {
    oldest = Math.max(oldest, await program.metric('monscale_executions_oldest_due_seconds'));
  };
  const watch = setInterval(() => {
    looking = look().catch(() => undefined);
  }, SAMPLE_MS);
  const begun = performance.now();
  let calledAfter: number;
  let endedAfter: number;
  try {
    const all = await program.post<{ retried: number }>('/api/v1/executions/retry', { status: 'failed' });
    if (all.retried !== executions) throw new Error(`${all.retried} of ${executions} are retried`);
    await until(() => keys.size >= executions, 'all webhooks came');
    calledAfter = performance.now() - begun;
    await until(async () => (await openExecutions(program)) === 0, 'all ends are written down');
    endedAfter = performance.now() - begun;
  } finally {
    clearInterval(watch);
    await looking;
  }
  const after = program.usage();
  printTable(`${executions} queued executions of one webhook, queued to written down`, [
    ['executions/s', (1000 * executions) / endedAfter],
    ['last webhook after, ms', calledAfter],
    ['oldest one due waited, s', oldest],
    ['last end committed after, ms', endedAfter],
    ...(['program', 'postgres', 'redis'] as const).map(
      (part) =>
        [
          `CPU ms per execution, ${part}`,
          ((after[part].cpuSeconds - before[part].cpuSeconds) * 1000) / executions,
        ] as const,
    ),
  ]);
}

const RUNS = 5;

/**
 * Prints its table. Rules are read and compiled once in their life, which the first burst of a new program shows; then they
 * are known.
 *
 * @returns webhooks a second; and Alertmanager's, which knows no rule, where it is: its differ by half from run to run
 */
export async function measureBurst(
  size: number,
  processes: string,
): Promise<{ perSecond: number; peer?: number }> {
  const cold = await firstBurst(size, processes);
  const { warmUp, runs, peers } = await knownBursts(size, processes, RUNS);
  const [first, last] = [warmUp[0]!, runs.at(-1)!];
  const median = (values: readonly number[]): number => quantile(values, 0.5);
  const perSecond = median(runs.map((one) => one.perSecond));
  const theirs = peers.flatMap((one) => one?.perSecond ?? []);
  const peer = theirs.length === 0 ? undefined : median(theirs);
  const rowsOf = (name: string, { acceptedAfterMs, lastAfterMs, perSecond }: Burst) =>
    [
      [`${name}: accepted after, ms`, acceptedAfterMs],
      [`${name}: last webhook after, ms`, lastAfterMs],
      [`${name}: webhooks/s`, perSecond],
    ] as const;
  printTable(`bursts of ${size} breaches on as many services, POST to webhook`, [
    ...rowsOf('new program, rules never seen', cold),
    ...rowsOf('rules known, first', first),
    ...rowsOf('rules known, last', last),
    [`rules known, median of the last ${RUNS}: webhooks/s`, perSecond],
    ...(peer === undefined
      ? []
      : ([
          ['Alertmanager, no rule, nothing durable: webhooks/s', peer],
          ['ratio', perSecond / peer],
          ['ratio of the first with known rules', first.perSecond / peer],
        ] as const)),
  ]);
  return { perSecond, peer };
}

/** As a target that was away for an hour leaves them, all of one trigger; a person retries them all at once. */
async function insertFailed(program: BenchProgram, count: number, action: string): Promise<void> {
  const variables = {
    service: { id: newId(), name: 'web-cpu-high', description: '', labels: { team: 'web' } },
    trigger: {
      id: newId(),
      at: new Date().toISOString(),
      reason: 'triggered',
      justification: 'cpu is 93, over 80',
    },
    values: { cpu: 93 },
  };
  await program.sql.query(
    `INSERT INTO triggers (id, service_id, at, justification) VALUES ($1, $2, now(), $3)`,
    [variables.trigger.id, variables.service.id, variables.trigger.justification],
  );
  await program.sql.query(
    `INSERT INTO executions (id, trigger_id, service_id, service_name, action_id, action_name, status, justification,
       variables, created_at, finished_at)
     SELECT id, $2, $3, 'web-cpu-high', $4, 'tell', 'failed', 'cpu is 93, over 80', $5, now(), now()
     FROM unnest($1::uuid[]) AS id`,
    [
      Array.from({ length: count }, newId),
      variables.trigger.id,
      variables.service.id,
      action,
      JSON.stringify(variables),
    ],
  );
  await program.sql.query('ANALYZE executions');
}

async function openExecutions(program: BenchProgram): Promise<number> {
  const { rows } = await program.sql.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM executions WHERE status IN ('queued', 'running')`,
  );
  return rows[0]!.count;
}

if (require.main === module) void main();
