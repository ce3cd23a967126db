/**
 * The action queue: webhooks to one sink on this machine, every state committed; and a burst of breaches to their
 * webhooks, beside Alertmanager's.
 *
 *     npm run bench actions -- --executions 10000 --burst 5000 --processes 2
 */
import { parseArgs } from 'node:util';
import { newId } from '../src/common/ids';
import { burst, defineBreachable, evaluateOnce, type Burst } from './breaches';
import { figureIn, runPeer } from './peers';
import { BenchProgram, printTable, quantile, until } from './program';
import { Sink } from './sink';

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

/** A new program of as many processes, and a target for its webhooks. */
async function withProgram<T>(
  processes: string,
  work: (program: BenchProgram, sink: Sink) => Promise<T>,
): Promise<T> {
  const sink = await Sink.start();
  const program = await BenchProgram.start({
    MONSCALE_API_PROCESSES: processes,
    MONSCALE_WORKER_PROCESSES: processes,
  });
  try {
    return await work(program, sink);
  } finally {
    await program.stop();
    sink.stop();
  }
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
  const watch = setInterval(
    () =>
      void program
        .metric('monscale_executions_oldest_due_seconds')
        .then((age) => (oldest = Math.max(oldest, age))),
    SAMPLE_MS,
  );
  const begun = performance.now();
  await program.post('/api/v1/executions/retry', { status: 'failed' });
  await until(() => keys.size >= executions, 'all webhooks came');
  const calledAfter = performance.now() - begun;
  await until(async () => (await openExecutions(program)) === 0, 'all ends are written down');
  const endedAfter = performance.now() - begun;
  clearInterval(watch);
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

const KNOWN_BURSTS = 11;
/** The last ones: V8 takes some 20,000 breaches a process to compile its code. */
const WARM_BURSTS = 5;
const PEER_BURSTS = 3;

/**
 * Prints its table. Rules are read and compiled once in their life, which the first burst of a new program shows; then they
 * are known.
 *
 * @returns webhooks a second; and Alertmanager's, which knows no rule, where it is
 */
export async function measureBurst(
  size: number,
  processes: string,
): Promise<{ perSecond: number; peer?: number }> {
  const cold = await withProgram(processes, async (program, sink) => {
    const names = await defineBreachable(program, size, sink);
    return burst(program, names, sink);
  });
  const known = await withProgram(processes, async (program, sink) => {
    const names = await defineBreachable(program, KNOWN_BURSTS * size, sink);
    // They breach for the first time all the same.
    await evaluateOnce(program, names);
    const bursts: Burst[] = [];
    for (let n = 0; n < names.length; n += size)
      bursts.push(await burst(program, names.slice(n, n + size), sink));
    return bursts;
  });
  const perSecond = quantile(
    known.slice(-WARM_BURSTS).map((one) => one.perSecond),
    0.5,
  );
  const peer = peerBurst(size);
  const rowsOf = (name: string, { acceptedAfterMs, lastAfterMs, perSecond }: Burst) =>
    [
      [`${name}: accepted after, ms`, acceptedAfterMs],
      [`${name}: last webhook after, ms`, lastAfterMs],
      [`${name}: webhooks/s`, perSecond],
    ] as const;
  printTable(`bursts of ${size} breaches on as many services, POST to webhook`, [
    ...rowsOf('new program, rules never seen', cold),
    ...rowsOf('rules known, first', known[0]!),
    ...rowsOf('rules known, last', known.at(-1)!),
    [`rules known, median of the last ${WARM_BURSTS}: webhooks/s`, perSecond],
    ...(peer === undefined
      ? []
      : ([
          ['Alertmanager, no rule, nothing durable: webhooks/s', peer],
          ['ratio', perSecond / peer],
          ['ratio of the first with known rules', known[0]!.perSecond / peer],
        ] as const)),
  ]);
  return { perSecond, peer };
}

/** Alertmanager's webhooks a second, which differ by half from run to run: the median. */
function peerBurst(size: number): number | undefined {
  const measured = Array.from({ length: PEER_BURSTS }, () =>
    figureIn(
      runPeer('prometheus/bench_d_latency.sh', ['am', size], ['prometheus-alertmanager'], { BURST: '1' }),
      'actions/s',
    ),
  ).filter((rate) => rate !== undefined);
  return measured.length === 0 ? undefined : quantile(measured, 0.5);
}

/** As a target that was away for an hour leaves them; a person retries them all at once. */
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
    `INSERT INTO executions (id, trigger_id, service_id, service_name, action_id, action_name, status, justification,
       variables, created_at, finished_at)
     SELECT id, $2, $3, 'web-cpu-high', $4, 'tell', 'failed', 'cpu is 93, over 80', $5, now(), now()
     FROM unnest($1::uuid[]) AS id`,
    [Array.from({ length: count }, newId), newId(), newId(), action, JSON.stringify(variables)],
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
