/**
 * The store of samples: what writing a value costs, and what looking at months does, beside the same question without
 * roll-ups.
 *
 *     npm run bench history -- --services 100 --days 90 --every 60
 */
import { parseArgs } from 'node:util';
import { readConfig } from '../src/config/config';
import { Database } from '../src/database/database';
import { firstSeries } from '../src/database/series';
import { POINT_FUNCTIONS } from '../src/history/points';
import type { Sample } from '../src/history/sample-rows';
import { SampleWriter } from '../src/history/sample-writer';
import { partitionsOf, RAW } from '../src/history/tables';
import { ADMIN_TOKEN, BenchProgram, printTable, quantile, sleep } from './program';

const DAY_MS = 86_400_000;
const ROUNDS = 5;
/** Values that a job hands over at once, about those of 250 services. */
const BATCH = 500;
const VALUES = 2_000_000;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      services: { type: 'string', default: '100' },
      days: { type: 'string', default: '90' },
      every: { type: 'string', default: '60' },
    },
  });
  const [services, days, every] = [values.services, values.days, values.every].map(Number) as [
    number,
    number,
    number,
  ];
  const program = await BenchProgram.start({ MONSCALE_SAMPLES_RETENTION_DAYS: String(days + 30) });
  const database = new Database(Object.freeze({ ...readConfig({}), databaseUrl: program.databaseUrl }));
  await database.onModuleInit();
  try {
    // Nothing is rolled up where none is on record as done.
    await program.sql.query('DELETE FROM roll_ups');
    for (const metrics of [1, 10, 100]) await write(program, database, metrics);
    await program.sql.query('TRUNCATE samples');
    await record(program, database, { services, days, every });
    await look(program, {
      days,
      title: `${services} services, ${days} days at ${every} s: without roll-ups`,
    });
    await rollUp(program, (services * days * 86_400) / every);
    await look(program, { days, title: `${services} services, ${days} days at ${every} s: with roll-ups` });
  } finally {
    await database.onApplicationShutdown();
    await program.stop();
  }
}

/** As fast as it goes; what a value costs is what counts. */
async function write(program: BenchProgram, database: Database, metrics: number): Promise<void> {
  const writer = new SampleWriter(database);
  const services = 100_000 / metrics;
  const start = Date.now() - (Date.now() % 1000);
  const batches = prepared(start, services, metrics);
  const [postgres, own, began] = [program.usage().postgres.cpuSeconds, process.cpuUsage(), performance.now()];
  const written: Promise<boolean>[] = [];
  for (const batch of batches) {
    written.push(writer.write(batch));
    // As jobs do, which wait for their targets; and no more than the writer has room for.
    if (written.length % 20 === 0) await written.at(-20);
  }
  const all = await Promise.all(written);
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(own);
  const micros = ((program.usage().postgres.cpuSeconds - postgres) * 1e6) / VALUES;
  const { rows } = await program.sql.query<{ bytes: string }>(
    `SELECT sum(pg_total_relation_size(inhrelid)) AS bytes FROM pg_inherits WHERE inhparent = 'samples'::regclass`,
  );
  printTable(`written: ${services} services of ${metrics} metrics, all read at a moment`, [
    ['values/s', VALUES / seconds],
    ['not known to be written within 2 s', all.filter((isWritten) => !isWritten).length],
    ['CPU of the program, µs a value', (user + system) / VALUES],
    ['CPU of PostgreSQL, µs a value', micros],
    ['bytes on disk a value, with the index', Number(rows[0]!.bytes) / VALUES],
  ]);
  await program.sql.query('TRUNCATE samples');
}

function prepared(start: number, services: number, metrics: number): Sample[][] {
  const batches: Sample[][] = [];
  for (let n = 0; n < VALUES; n += BATCH) {
    batches.push(
      Array.from({ length: BATCH }, (_, index) => {
        const value = n + index;
        const service = Math.floor(value / metrics) % services;
        const at = new Date(start + Math.floor(value / metrics / services) * 1000);
        return { series: firstSeries(service + 1) + (value % metrics), at, value: (value % 1_000) / 8 };
      }),
    );
  }
  return batches;
}

async function record(
  program: BenchProgram,
  database: Database,
  { services, days, every }: { services: number; days: number; every: number },
): Promise<void> {
  await program.post('/api/v1/services', {
    name: 'template',
    intervalSeconds: every,
    metrics: { n: { type: 'static_count', params: { value: 1 } } },
    condition: 'n > 4294967295.0',
    enabled: false,
  });
  await program.copyService('template', services, {
    series: `jsonb_build_object('n', nextval('series_group_id') * 100)`,
  });
  const to = Math.floor(Date.now() / DAY_MS) * DAY_MS;
  for (let day = days; day > 0; day--) {
    const from = to - day * DAY_MS;
    await partitionsOf(database, RAW).ensure([from]);
    await program.sql.query(
      `INSERT INTO samples
       SELECT (s.series->>'n')::bigint / 100, at, ARRAY[random() * 100]
       FROM generate_series($1::timestamptz, $2, make_interval(secs => $3)) at, services s WHERE s.name LIKE 'copy-%'`,
      [new Date(from), new Date(from + DAY_MS - 1), every],
    );
  }
  await program.sql.query('VACUUM ANALYZE samples');
}

/** The scheduler makes them by itself, within a minute and what it takes. */
async function rollUp(program: BenchProgram, readings: number): Promise<void> {
  await program.sql.query(`INSERT INTO roll_ups VALUES (300, '-infinity'), (3600, '-infinity')`);
  const [before, began] = [program.usage(), performance.now()];
  const cpu = () => program.usage().postgres.cpuSeconds + program.usage().program.cpuSeconds;
  const cpuBefore = before.postgres.cpuSeconds + before.program.cpuSeconds;
  for (;;) {
    const { rows } = await program.sql.query<{ is_done: boolean }>(
      `SELECT min(done_until) > now() - interval '3 hours' AS is_done FROM roll_ups`,
    );
    if (rows[0]!.is_done) break;
    await sleep(500);
  }
  const { rows } = await program.sql.query<{ fine: string; coarse: string }>(
    `SELECT (SELECT count(*) FROM samples_5m) AS fine, (SELECT count(*) FROM samples_1h) AS coarse`,
  );
  await program.sql.query('VACUUM ANALYZE samples_5m, samples_1h');
  printTable('rolled up, after months without', [
    ['readings', readings],
    ['steps of 5 minutes', Number(rows[0]!.fine)],
    ['hours', Number(rows[0]!.coarse)],
    ['s, the scheduler’s pause included', (performance.now() - began) / 1000],
    ['CPU of program and PostgreSQL, µs a reading', ((cpu() - cpuBefore) * 1e6) / readings],
  ]);
}

async function look(program: BenchProgram, { days, title }: { days: number; title: string }): Promise<void> {
  const to = Math.floor(Date.now() / DAY_MS) * DAY_MS;
  const rows: [string, string][] = [];
  const ask = async (name: string, fromDays: number, rest: string) => {
    const took: number[] = [];
    let answer = '';
    for (let round = 0; round < ROUNDS; round++) {
      const range = `from=${new Date(to - fromDays * DAY_MS).toISOString()}&to=${new Date(to - 1).toISOString()}`;
      const began = performance.now();
      const response = await fetch(
        `${program.url}/api/v1/services/copy-${round + 1}/samples?${range}${rest}`,
        {
          headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
        },
      );
      const { points } = (await response.json()) as { points?: unknown[] };
      took.push(performance.now() - began);
      answer = points === undefined ? String(response.status) : `${points.length} points`;
    }
    rows.push([name, `${quantile(took, 0.5).toFixed(0).padStart(5)} ms  (${answer})`]);
  };
  for (const name of POINT_FUNCTIONS.filter((name) => !/p50|p90|p99/.test(name)))
    await ask(`${days} days by the hour, ${name}`, days, `&stepSeconds=3600&function=${name}`);
  await ask(`${days} days by the day, avg`, days, '&stepSeconds=86400');
  await ask('7 days by 5 minutes, max', 7, '&stepSeconds=300&function=max');
  await ask('a day by the minute, p95', 1, '&stepSeconds=60&function=p95');
  await ask('7 days of readings', 7, '');
  await ask(`${days} days of readings: refused`, days, '');
  await ask(`${days} days by 30 s: refused`, days, '&stepSeconds=30');
  printTable(title, rows);
}

void main();
