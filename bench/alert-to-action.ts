/**
 * From `POST /alerts` to the webhook, one alert at a time: commit, rule and commit included.
 *
 *     npm run bench alert-to-action -- --alerts 500
 */
import { parseArgs } from 'node:util';
import { defineBreachable, evaluateOnce } from './breaches';
import { figureIn, runPeer } from './peers';
import { BenchProgram, printTable, quantile, sleep } from './program';
import { Sink } from './sink';

const PAUSE_MS = 10;
/** Quiet time before an alert, longer than targets' connections stay open without use. */
const QUIET_MS = 15_000;
const AFTER_QUIET = 5;
const PEER_ALERTS = 500;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { alerts: { type: 'string', default: '500' } } });
  await measureOneByOne(Number(values.alerts));
}

/** Prints its table. @returns ms from the POST to the webhook; and Alertmanager's, which knows no rule, where it is */
export async function measureOneByOne(
  alerts: number,
): Promise<{ p50: number; p99: number; peer?: { p50?: number; p99?: number } }> {
  const sink = await Sink.start();
  const program = await BenchProgram.start();
  try {
    const services = alerts + AFTER_QUIET;
    await defineBreachable(program, services, sink);
    await evaluateOnce(
      program,
      Array.from({ length: services }, (_, n) => `copy-${n + 1}`),
    );
    return await oneByOne(program, alerts, sink);
  } finally {
    await program.stop();
    sink.stop();
  }
}

async function oneByOne(program: BenchProgram, alerts: number, sink: Sink) {
  const latencies: number[] = [];
  const answers: number[] = [];
  // The first ones warm up code and connections.
  const warmUp = Math.min(50, alerts / 2);
  for (let n = 1; n <= alerts; n++) {
    const name = `copy-${n}`;
    const sentAt = performance.now();
    await program.post('/api/v1/alerts', { labels: { name } });
    const answeredAt = performance.now();
    const arrivedAt = await sink.arrival(name);
    if (n > warmUp) {
      latencies.push(arrivedAt - sentAt);
      answers.push(answeredAt - sentAt);
    }
    await sleep(PAUSE_MS);
  }
  const [p50, p99] = [quantile(latencies, 0.5), quantile(latencies, 0.99)];
  const afterQuiet: number[] = [];
  for (let n = alerts + 1; n <= alerts + AFTER_QUIET; n++) {
    await sleep(QUIET_MS);
    const sentAt = performance.now();
    await program.post('/api/v1/alerts', { labels: { name: `copy-${n}` } });
    afterQuiet.push((await sink.arrival(`copy-${n}`)) - sentAt);
  }
  const line = runPeer(
    'prometheus/bench_d_latency.sh',
    ['am', PEER_ALERTS, PAUSE_MS],
    ['prometheus-alertmanager'],
  );
  const peer =
    line === undefined ? undefined : { p50: figureIn(line, 'p50_ms'), p99: figureIn(line, 'p99_ms') };
  printTable(`${latencies.length} alerts one by one, POST to webhook, ms`, [
    ['p50', p50],
    ['p99', p99],
    [`first after ${QUIET_MS / 1000} s of nothing, median of ${AFTER_QUIET}`, quantile(afterQuiet, 0.5)],
    ['Alertmanager, no rule, nothing durable: p50', peer?.p50 ?? '-'],
    ['Alertmanager, no rule, nothing durable: p99', peer?.p99 ?? '-'],
    ['answer (202) p50', quantile(answers, 0.5)],
    ['answer (202) p99', quantile(answers, 0.99)],
  ]);
  return { p50, p99, peer };
}

if (require.main === module) void main();
