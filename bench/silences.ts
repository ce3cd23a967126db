/**
 * Silences: what they cost the evaluation of services, as a worker does it in one process, and what is asked of
 * PostgreSQL for them. Prints a table for each of three sizes.
 *
 *     npm run bench silences [-- --services 100000 --silences 1000 --alarms 10]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { NestFactory } from '@nestjs/core';
import { AppModule } from '../src/app.module';
import { newId, slotOf, SLOTS } from '../src/common/ids';
import { programClock } from '../src/common/clock';
import { readConfig } from '../src/config/config';
import { Database } from '../src/database/database';
import { startEmbeddedServers } from '../src/embedded/embedded-servers';
import { Evaluator } from '../src/rules/evaluator';
import { Observer } from '../src/rules/observer';
import { PolledServiceCache } from '../src/rules/polled-service-cache';
import { Services } from '../src/services/services';
import { SilencePreview } from '../src/silences/silence-preview';
import { Silences } from '../src/silences/silences';
import { installedPostgres, printTable } from './program';

/** Services and silences. */
const SIZES = [
  [1_000, 10],
  [10_000, 100],
  [100_000, 1_000],
] as const;
const INTERVAL_SECONDS = 3_600;
/** Services that are evaluated together, as a wave of polls is. */
const WAVE = 1_000;
/** Number of times that silences come and go, and of rounds that are measured of each. */
const TURNS = 3;
const ROUNDS = 4;

type Program = Awaited<ReturnType<typeof started>>;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      services: { type: 'string' },
      silences: { type: 'string', default: '1000' },
      alarms: { type: 'string', default: '10' },
    },
  });
  const sizes =
    values.services === undefined ? SIZES : [[Number(values.services), Number(values.silences)] as const];
  for (const [services, silences] of sizes) await measured(services, silences, Number(values.alarms));
}

/** @param alarms one service in so many is in alarm; one in ten of these is silenced */
async function measured(services: number, silences: number, alarms: number): Promise<void> {
  const program = await started();
  try {
    const inserting = await define(program, services, alarms);
    const [none, many, first]: [number[], number[], number[]] = [[], [], []];
    await settled(program);
    for (let turn = 0; turn < TURNS; turn++) {
      none.push(...(await rounds(program)));
      await silence(program, silences);
      first.push(await settled(program));
      many.push(...(await rounds(program)));
      if (turn === 0) await assertSilenced(program);
      await unsilence(program);
      await settled(program);
    }
    await silence(program, silences);
    const asked = await questions(program);
    // The fastest: what else this machine does makes rounds slower, and none faster.
    const [least, most] = [Math.min(...none), Math.min(...many)];
    printTable(`${services} services, one in ${alarms} in alarm, and ${silences} silences`, [
      ['evaluation without silences, us of CPU each', (least * 1e6) / services],
      ['  with them', (most * 1e6) / services],
      ['  more with them, %', (100 * (most - least)) / least],
      ['the round after they were made, s of CPU', Math.min(...first)],
      ...asked,
      ['services written a second, with the index of their labels', services / inserting.withIndex],
      ['  without it', services / inserting.without],
    ]);
  } finally {
    await program.stop();
  }
}

/** The program's modules, without a role: nothing runs but what is called. */
async function started() {
  const folder = mkdtempSync(join(tmpdir(), 'monscale-bench-'));
  const servers = await startEmbeddedServers(folder, () => {}, { postgres: installedPostgres() });
  const config = readConfig({
    DATABASE_URL: servers.databaseUrl,
    REDIS_URL: servers.redisUrl,
    MONSCALE_SECRET_KEY: servers.secretKey,
    MONSCALE_DATA_DIR: folder,
  });
  const app = await NestFactory.createApplicationContext(await AppModule.with({ ...config, roles: [] }), {
    logger: ['error'],
  });
  const stop = async () => {
    await app.close();
    await servers.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return {
    stop,
    database: app.get(Database),
    services: app.get(Services, { strict: false }),
    cache: app.get(PolledServiceCache, { strict: false }),
    observer: app.get(Observer, { strict: false }),
    evaluator: app.get(Evaluator, { strict: false }),
    silences: app.get(Silences, { strict: false }),
    preview: app.get(SilencePreview, { strict: false }),
  };
}

/** Copies a service; the first half with the index of labels dropped. @returns seconds that all would have taken */
async function define({ database, services }: Program, count: number, alarms: number) {
  await services.create({
    name: 'template',
    intervalSeconds: INTERVAL_SECONDS,
    metrics: { cpu: { type: 'static_count', params: { value: 90 } } },
    condition: 'cpu > 80',
    wisdomSeconds: 86_400,
  });
  const columns = await database.rows<{ name: string }>(
    `SELECT column_name AS name FROM information_schema.columns
     WHERE table_name = 'services' AND table_schema = 'public' AND is_generated = 'NEVER'`,
  );
  const given: Record<string, string> = {
    id: 'c.id',
    slot: 'c.slot',
    name: `'copy-' || c.n`,
    condition: `CASE WHEN c.n % $5::int = 0 THEN 'cpu > 80.0' ELSE 'cpu > 95.0' END`,
    labels: `jsonb_build_object('team', 'team-' || c.n / $5::int % ($4::int / 10), 'env', 'prod',
      'site', 's' || c.n % 40, 'host', 'host-' || c.n, 'all', 'yes')`,
  };
  const names = columns.map(({ name }) => name);
  const insert = async (from: number, until: number): Promise<number> => {
    const ids = Array.from({ length: until - from }, newId);
    const began = performance.now();
    await database.rows(
      `INSERT INTO services (${names.join(', ')}) SELECT ${names.map((name) => given[name] ?? `s.${name}`).join(', ')}
       FROM services s, (SELECT id, slot, n + $3 AS n FROM unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS c (id, slot, n)) c
       WHERE s.name = 'template'`,
      [ids, ids.map(slotOf), from, count, alarms],
    );
    return (performance.now() - began) / 1000;
  };
  const half = Math.floor(count / 2);
  const withIndex = 2 * (await insert(0, half));
  await database.rows('DROP INDEX services_labels');
  const without = 2 * (await insert(half, count));
  await database.rows('CREATE INDEX services_labels ON services USING gin (labels jsonb_path_ops)');
  await database.rows('UPDATE definition_revision SET revision = revision + 1');
  await database.rows('ANALYZE');
  return { withIndex, without };
}

async function silence({ database }: Program, count: number): Promise<void> {
  // One in ten repeats; each is of one team, and there are ten times as many teams.
  await database.rows(
    `INSERT INTO silences (id, version, created_at, updated_at, owner, match, mutes, starts_at, ends_at, schedule, reason, on_end)
     SELECT gen_random_uuid(), 1, now(), now(), 'anna', jsonb_build_object('labels', jsonb_build_object('team', 'team-' || n, 'env', 'prod')),
       'actions', now() - interval '1 hour', now() + interval '1 year',
       CASE WHEN n % 10 = 0 THEN '{"rrule": "FREQ=DAILY;BYHOUR=2;BYMINUTE=30", "timeZone": "Europe/Madrid", "durationSeconds": 86400}'::jsonb END,
       'patching', 'act' FROM generate_series(1, $1::int) n`,
    [count],
  );
  await database.rows('UPDATE silence_revision SET revision = revision + 1');
}

async function unsilence({ database }: Program): Promise<void> {
  await database.rows('DELETE FROM silences');
  await database.rows('UPDATE silence_revision SET revision = revision + 1');
}

async function assertSilenced({ database }: Program): Promise<void> {
  const rows = await database.rows(`SELECT FROM service_states WHERE state->>'reason' = 'silenced' LIMIT 1`);
  if (rows.length === 0) throw new Error('nothing is silenced: this measures nothing');
}

/** Evaluates until nothing changes any more. @returns seconds of CPU of the first round */
async function settled(program: Program): Promise<number> {
  const first = await round(program);
  await round(program);
  return first;
}

async function rounds(program: Program): Promise<number[]> {
  const taken: number[] = [];
  for (let turn = 0; turn < ROUNDS; turn++) taken.push(await round(program));
  return taken;
}

/** Evaluates every service, as the job of a worker does once it has read them. @returns seconds of CPU */
async function round({ cache, observer, evaluator }: Program): Promise<number> {
  const before = process.cpuUsage();
  const step = Math.ceil(SLOTS / 100);
  for (let slot = 0; slot < SLOTS; slot += step) {
    const due = await cache.due(INTERVAL_SECONDS, slot, Math.min(slot + step, SLOTS) - 1);
    for (let from = 0; from < due.length; from += WAVE) {
      const wave = due.slice(from, from + WAVE);
      const previous = await observer.previousReadings(wave);
      const at = programClock.now();
      const seen = wave.map((one) =>
        observer.observation(
          one,
          { cpu: { value: 90 } },
          NO_ALERTS,
          at,
          previous.get(one.compiled.service.id),
        ),
      );
      await evaluator.evaluate(await observer.throughWindows(seen, at, false));
    }
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

const NO_ALERTS = new Map<string, never>();

/** Times of what is asked of PostgreSQL beside the evaluation. */
async function questions({ silences, preview, database }: Program): Promise<[string, number][]> {
  const timed = async (what: string, ask: () => Promise<unknown>): Promise<[string, number]> => {
    await ask();
    const began = performance.now();
    await ask();
    return [`${what}, ms`, performance.now() - began];
  };
  const draft = (labels: object) => ({ match: { labels }, endsAt: new Date(Date.now() + 3_600_000).toISOString(), reason: 'patching' }); // prettier-ignore
  const page = Object.assign(Object.create(null), { limit: 100 });
  return [
    await timed('a page of 100 silences', () => silences.list(page as never)),
    await timed('preview of one team', () => preview.of(draft({ team: 'team-1' }))),
    await timed('preview of what covers all', () => preview.of(draft({ all: 'yes' }))),
    await timed('looking for silences whose services are ok', async () => {
      await database.rows(`UPDATE silences SET end_when_ok_seconds = 1`);
      await silences.endOk();
    }),
  ];
}

void main();
