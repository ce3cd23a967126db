/**
 * Alerts that are matched by their labels with one of very many services: from their receipt to what is decided.
 *
 *     npm run bench labels -- --services 100000 --rate 1000 --seconds 20
 */
import { parseArgs } from 'node:util';
import { BenchProgram, printTable, sleep, until } from './program';

const TICK_MS = 20;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      services: { type: 'string', default: '100000' },
      rate: { type: 'string', default: '1000' },
      seconds: { type: 'string', default: '20' },
    },
  });
  await measureLabels(Number(values.services), Number(values.rate), Number(values.seconds));
}

/** Prints its table. @returns ms from receipt to decision, at most */
export async function measureLabels(
  services: number,
  rate: number,
  seconds: number,
): Promise<{ p50: number; p99: number }> {
  const program = await BenchProgram.start();
  try {
    await program.post('/api/v1/services', {
      name: 'template',
      metrics: { breach: { type: 'alert', params: { match: { alertname: 'Down', instance: 'template' } } } },
      condition: 'breach == 1',
      wisdomSeconds: 3600,
    });
    await program.copyService('template', services, {
      metrics: `jsonb_set(s.metrics, '{breach,params,match,instance}', to_jsonb('host-' || c.n))`,
    });
    // The first alert has the rules read.
    await send(program, [services]);
    await settled(program);
    const known = await buckets(program);
    const before = program.usage();
    const sent = await sendSteadily(program, services, rate, seconds);
    await settled(program);
    const after = program.usage();
    const decided = (await buckets(program)).map(({ upTo, count }, index) => ({
      upTo,
      count: count - known[index]!.count,
    }));
    const [p50, p99] = [quantileOf(decided, 0.5), quantileOf(decided, 0.99)];
    printTable(`${sent} alerts, ${rate} a second, each for one of ${services} services by its labels`, [
      ['receipt to decision, p50 at most, ms', p50],
      ['receipt to decision, p99 at most, ms', p99],
      ['decisions', decided.at(-1)!.count],
      ...(['program', 'postgres', 'redis'] as const).map(
        (part) => [`cores, ${part}`, (after[part].cpuSeconds - before[part].cpuSeconds) / seconds] as const,
      ),
      ['PSS of the whole tree, MB', after.program.pssMb + after.postgres.pssMb + after.redis.pssMb],
    ]);
    return { p50, p99 };
  } finally {
    await program.stop();
  }
}

async function sendSteadily(
  program: BenchProgram,
  services: number,
  rate: number,
  seconds: number,
): Promise<number> {
  const begun = performance.now();
  const requests: Promise<unknown>[] = [];
  let sent = 0;
  while (performance.now() - begun < seconds * 1000) {
    const due = Math.floor(((performance.now() - begun) / 1000) * rate);
    // Strides over all of them: no two alerts are for one service.
    const some = Array.from({ length: due - sent }, (_, index) => 1 + (((sent + index) * 7919) % services));
    sent = due;
    if (some.length > 0) requests.push(send(program, some));
    await sleep(TICK_MS);
  }
  await Promise.all(requests);
  return sent;
}

const send = (program: BenchProgram, hosts: readonly number[]): Promise<unknown> =>
  program.post(
    '/api/v1/alerts',
    hosts.map((host) => ({ labels: { alertname: 'Down', instance: `host-${host}`, job: 'node' } })),
  );

async function settled(program: BenchProgram): Promise<void> {
  await until(async () => {
    const { rows } = await program.sql.query<{ open: number }>(
      'SELECT count(*)::int AS open FROM alerts WHERE processed < revision',
    );
    return rows[0]!.open === 0;
  }, 'all alerts are decided on');
}

interface Bucket {
  /** Seconds. */
  upTo: number;
  /** As many and all that took less. */
  count: number;
}

async function buckets(program: BenchProgram): Promise<Bucket[]> {
  const text = await fetch(`${program.url}/metrics`).then((response) => response.text());
  return [...text.matchAll(/^monscale_alert_decision_seconds_bucket\{le="([^"]+)"\} (\d+)/gm)].map(
    ([, le, count]) => ({ upTo: le === '+Inf' ? Infinity : Number(le), count: Number(count) }),
  );
}

/** The upper end of the bucket in which that share is reached, ms. */
function quantileOf(all: readonly Bucket[], share: number): number {
  const total = all.at(-1)!.count;
  return 1000 * (all.find(({ count }) => count >= total * share)?.upTo ?? NaN);
}

if (require.main === module) void main();
