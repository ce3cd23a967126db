/**
 * From `POST /alerts` to the webhook, one alert at a time: commit, rule and commit included.
 *
 *     npm run bench alert-to-action -- --alerts 500
 */
import { parseArgs } from 'node:util';
import { defineBreachable } from './breaches';
import { BenchProgram, printTable, quantile, sleep, until } from './program';
import { Sink } from './sink';

const PAUSE_MS = 10;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { alerts: { type: 'string', default: '500' } } });
  const alerts = Number(values.alerts);
  const sink = await Sink.start();
  const program = await BenchProgram.start();
  try {
    await defineBreachable(program, alerts, sink);
    await oneByOne(program, alerts, sink);
  } finally {
    await program.stop();
    sink.stop();
  }
}

async function oneByOne(program: BenchProgram, alerts: number, { arrivedAt }: Sink): Promise<void> {
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

void main();
