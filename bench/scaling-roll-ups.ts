/** Steps of 5 minutes made of readings, as the scheduler does: what they take, and how large readings and steps are. */
import { Logger } from '@nestjs/common';
import { readConfig } from '../src/config/config';
import { Database } from '../src/database/database';
import { RollUps } from '../src/history/roll-ups';
import { partitionsOf, RAW } from '../src/history/tables';
import { PARTS, type Part } from '../src/cli/sizing-costs';
import type { Point } from './scaling-points';
import { tablesOf, walOf, type Taken } from './scaling-run';
import { BenchProgram } from './program';

const STEP_MS = 300_000;
const DAY_MS = 86_400_000;
const AT_ONCE = 10_000;

export async function measureRollUps({ name, load }: Point): Promise<Taken> {
  Logger.overrideLogger(['error']);
  const program = await BenchProgram.start({ MONSCALE_ROLE: 'api' });
  const config = readConfig({});
  const database = new Database(Object.freeze({ ...config, databaseUrl: program.databaseUrl }));
  await database.onModuleInit();
  try {
    const step = Math.floor((Date.now() - DAY_MS) / DAY_MS) * DAY_MS + DAY_MS / 2;
    await program.sql.query('UPDATE roll_ups SET done_until = $1', [new Date(step)]);
    await partitionsOf(database, RAW).ensure([step]);
    for (let from = 0; from < load.services; from += AT_ONCE)
      await program.sql.query(
        `INSERT INTO samples
         SELECT g, $1::timestamptz + make_interval(secs => s), ARRAY(SELECT random() * 100 FROM generate_series(1, $4::int + 0 * g))
         FROM generate_series(0, 299, $5::int) s, generate_series($2::int, $3::int) g`,
        [
          new Date(step),
          from,
          Math.min(from + AT_ONCE, load.services) - 1,
          load.metrics,
          load.intervalSeconds,
        ],
      );
    const look = async () => ({
      postgresql: program.usage().postgres.cpuSeconds,
      own: process.cpuUsage(),
      wal: await walOf(program),
    });
    const before = await look();
    await new RollUps(database, config, { now: () => new Date(step + 3 * STEP_MS) }).round();
    const after = await look();
    const { user, system } = process.cpuUsage(before.own);
    const nothing = Object.fromEntries(PARTS.map((part) => [part, 0])) as Record<Part, number>;
    const tables = await tablesOf(program);
    return {
      name,
      // Once every 5 minutes.
      cores: {
        ...nothing,
        scheduler: (user + system) / 1e3 / STEP_MS,
        postgresql: (1_000 * (after.postgresql - before.postgresql)) / STEP_MS,
      },
      pssMb: nothing,
      walBytesPerSecond: (1_000 * (after.wal - before.wal)) / STEP_MS,
      done: tables.samples_5m!.rows / load.services,
      tables,
    };
  } finally {
    await database.onApplicationShutdown();
    await program.stop();
  }
}
