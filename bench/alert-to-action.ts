/**
 * From `POST /alerts` to the webhook: commit, rule and commit included.
 *
 *     npm run bench alert-to-action -- --alerts 500 --burst 5000
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { BenchProgram, printTable, quantile, sleep, until } from './program';

const PAUSE_MS = 10;
const BATCH = 100;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { alerts: { type: 'string', default: '500' }, burst: { type: 'string', default: '5000' } },
  });
  const [alerts, burst] = [Number(values.alerts), Number(values.burst)];
  const arrivedAt = new Map<string, number>();
  const sink = await listen(arrivedAt);
  const program = await BenchProgram.start();
  try {
    await define(program, alerts + burst, (sink.address() as AddressInfo).port);
    await oneByOne(program, alerts, arrivedAt);
    await atOnce(program, alerts, burst, arrivedAt);
  } finally {
    await program.stop();
    sink.close();
    sink.closeAllConnections();
  }
}

/** Notes when each service's webhook arrives. */
async function listen(arrivedAt: Map<string, number>): Promise<Server> {
  const sink = createServer((request, response) => {
    arrivedAt.set(request.url!.slice(1), performance.now());
    request.resume();
    response.end('ok');
  });
  await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve));
  return sink;
}

async function define(program: BenchProgram, services: number, port: number): Promise<void> {
  await program.post('/api/v1/actions', {
    name: 'tell',
    type: 'webhook',
    params: { url: `http://127.0.0.1:${port}/{{ service.name }}` },
  });
  await program.post('/api/v1/services', {
    name: 'template',
    metrics: { breach: { type: 'alert', params: { match: { name: 'template' } } } },
    condition: 'breach == 1',
    wisdomSeconds: 3600,
    actions: ['tell'],
  });
  await program.copyService('template', services, {
    metrics: `jsonb_set(s.metrics, '{breach,params,match,name}', to_jsonb('copy-' || c.n))`,
  });
}

async function oneByOne(
  program: BenchProgram,
  alerts: number,
  arrivedAt: Map<string, number>,
): Promise<void> {
  const latencies: number[] = [];
  const answers: number[] = [];
  // The first ones warm up code and connections.
  const warmUp = Math.min(50, alerts / 2);
  for (let n = 1; n <= alerts; n++) {
    const name = `copy-${n}`;
    const sentAt = performance.now();
    await program.post('/api/v1/alerts', { labels: { name } });
    const answeredAt = performance.now();
    await until(() => arrivedAt.has(name), `the webhook of ${name} came`);
    if (n > warmUp) {
      latencies.push(arrivedAt.get(name)! - sentAt);
      answers.push(answeredAt - sentAt);
    }
    await sleep(PAUSE_MS);
  }
  printTable(`${latencies.length} alerts one by one, POST to webhook, ms`, [
    ['p50', quantile(latencies, 0.5)],
    ['p99', quantile(latencies, 0.99)],
    ['answer (202) p50', quantile(answers, 0.5)],
    ['answer (202) p99', quantile(answers, 0.99)],
  ]);
}

async function atOnce(
  program: BenchProgram,
  from: number,
  burst: number,
  arrivedAt: Map<string, number>,
): Promise<void> {
  const names = Array.from({ length: burst }, (_, index) => `copy-${from + index + 1}`);
  const before = program.usage();
  const sentAt = performance.now();
  for (let n = 0; n < burst; n += BATCH) {
    await program.post(
      '/api/v1/alerts',
      names.slice(n, n + BATCH).map((name) => ({ labels: { name } })),
    );
  }
  const acceptedAt = performance.now();
  await until(() => arrivedAt.size >= from + burst, 'all webhooks came');
  const lastAt = Math.max(...names.map((name) => arrivedAt.get(name)!));
  printTable(`a burst of ${burst} breaches on as many services`, [
    ['accepted after, ms', acceptedAt - sentAt],
    ['last webhook after, ms', lastAt - sentAt],
    ['webhooks/s', (1000 * burst) / (lastAt - sentAt)],
    ...(['program', 'postgres', 'redis'] as const).map(
      (part) => [`CPU s, ${part}`, program.usage()[part].cpuSeconds - before[part].cpuSeconds] as const,
    ),
  ]);
}

void main();
