/**
 * Pages of the list of services, worst first, with state and total, while the services are polled.
 *
 *     npm run bench lists                                          1,000, 10,000 and 100,000 services
 *     npm run bench lists -- --services 10000 --requests 300 --interval 10
 */
import { parseArgs } from 'node:util';
import { ADMIN_TOKEN, BenchProgram, printTable, quantile, sleep } from './program';

const PATHS: readonly (readonly [string, string])[] = [
  ['worst first, state, total', '/services?sort=severity&include=state&limit=50'],
  ['the same, one label', '/services?sort=severity&include=state&limit=50&label=team=t7'],
  ['in alarm, one label', '/services?sort=severity&limit=50&phase=alarm&label=team=t7'],
  ['a search', '/services?sort=severity&limit=50&search=copy-77'],
  ['by name', '/services?sort=name&limit=50'],
  ['counts', '/services/counts'],
];

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      services: { type: 'string', default: '1000,10000,100000' },
      requests: { type: 'string', default: '200' },
      interval: { type: 'string', default: '10' },
      /** Share of the services whose phase changes with each poll. */
      changing: { type: 'string', default: '0.01' },
    },
  });
  for (const services of values.services.split(',').map(Number))
    // 100,000 in 10 s are more than a machine of two cores reads.
    await measure(services, {
      interval: Math.max(Number(values.interval), services / 1_000),
      requests: Number(values.requests),
      changing: Number(values.changing),
    });
}

interface Setting {
  interval: number;
  requests: number;
  changing: number;
}

async function measure(services: number, { interval, requests, changing }: Setting): Promise<void> {
  const program = await BenchProgram.start();
  try {
    await program.post('/api/v1/services', {
      name: 'template',
      intervalSeconds: interval,
      metrics: { n: { type: 'static_count', params: { value: 1 } } },
      condition: 'n > 1.0',
      holdSeconds: 3600,
    });
    const flipping = Math.max(1, Math.round(services * changing));
    await program.copyService('template', services, {
      series: `jsonb_build_object('n', (SELECT nextval('series_group_id') WHERE c.n > 0) * 100)`,
      labels: `jsonb_build_object('team', 't' || c.n % 50, 'env', 'e' || c.n % 3)`,
      // Pending, or in alarm, or fine.
      condition: `CASE WHEN c.n % 10 = 0 THEN 'n > 0.0' ELSE s.condition END`,
      hold_seconds: `CASE WHEN c.n % 20 = 0 THEN 0 ELSE 3600 END`,
    });
    await sleep((2 * interval + 5) * 1000);
    await program.sql.query('ANALYZE');
    const rows: [string, string][] = [];
    for (const [name, path] of PATHS) {
      const times: number[] = [];
      const churn = setInterval(() => void touch(program, flipping, interval), 1_000);
      for (let n = 0; n < requests; n++) {
        const began = performance.now();
        await get(program, path);
        times.push(performance.now() - began);
        await sleep(5);
      }
      clearInterval(churn);
      const ms = (share: number) => quantile(times, share).toFixed(1);
      rows.push([name, `p50 ${ms(0.5)} ms, p99 ${ms(0.99)} ms`]);
    }
    printTable(`${services} services, polled every ${interval} s, ${requests} pages of 50 each`, rows);
  } finally {
    await program.stop();
  }
}

/** Changes the phase of some services, spread over the interval, as polls that find something new do. */
async function touch(program: BenchProgram, flipping: number, interval: number): Promise<void> {
  await program.sql.query(
    `UPDATE service_states SET state = jsonb_set(state, '{since}', to_jsonb(floor(extract(epoch FROM now()) * 1000)))
     WHERE service_id IN (SELECT service_id FROM service_states TABLESAMPLE SYSTEM (10) LIMIT $1)`,
    [Math.ceil(flipping / interval)],
  );
}

async function get(program: BenchProgram, path: string): Promise<void> {
  const answer = await fetch(`${program.url}/api/v1${path}`, {
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
}

void main();
