import { randomUUID } from 'node:crypto';
import { openTestDatabase } from '../../test/databases';
import type { Database } from '../database/database';
import type { Queues } from '../queue/queues';
import { registry } from '../common/telemetry';
import { MomentsAheadSweep } from './moments-ahead-sweep';

/** Seconds from now, as PostgreSQL sees it. */
const FROM_NOW = (column: string) => `extract(epoch FROM ${column} - now())::float8`;
const AN_HOUR = `now() + interval '1 hour'`;

describe('moments that lie ahead', () => {
  let database: Database;
  let end: () => Promise<void>;
  let sweep: MomentsAheadSweep;
  const evaluated: string[] = [];

  beforeAll(async () => {
    ({ database, end } = await openTestDatabase());
    const queues = {
      hastenAhead: () => Promise.resolve(0),
      addServices: (services: { id: string }[]) => {
        evaluated.push(...services.map(({ id }) => id));
        return Promise.resolve(true);
      },
    };
    sweep = new MomentsAheadSweep(database, queues as unknown as Queues);
  });
  afterAll(() => end());

  const number = async (text: string): Promise<number> =>
    (await database.rows<{ x: number }>(`SELECT (${text})::float8 AS x`))[0]!.x;
  const counted = async (what: string): Promise<number> =>
    (await registry.getSingleMetric('monscale_moments_ahead_total')!.get()).values.find(
      ({ labels }) => labels.what === what,
    )?.value ?? 0;

  async function action(retry: object, timeoutSeconds = 30): Promise<string> {
    const id = randomUUID();
    await database.rows(
      `INSERT INTO actions (id, name, description, type, params, timeout_seconds, retry, version, created_at, updated_at)
       VALUES ($1::uuid, $1::uuid::text, '', 'webhook', '{}', $2, $3, 1, now(), now())`,
      [id, timeoutSeconds, JSON.stringify(retry)],
    );
    return id;
  }

  async function execution(given: Record<string, string>, ofAction?: string): Promise<string> {
    const id = randomUUID();
    const columns = { status: `'queued'`, created_at: 'now()', attempts: `'[]'`, ...given };
    await database.rows(
      `INSERT INTO executions (id, trigger_id, service_id, service_name, action_id, action_name, justification, variables,
         ${Object.keys(columns).join(', ')})
       VALUES ($1, $1, $1, '', $2, '', '', '{}', ${Object.values(columns).join(', ')})`,
      [id, ofAction ?? (await action({ attempts: 3, backoffSeconds: 1, maxBackoffSeconds: 60 }))],
    );
    return id;
  }

  test('of small tables are set right, counted, and what is only near is left alone', async () => {
    await database.rows(
      `INSERT INTO polled_ranges VALUES (2, 0, 5, ${AN_HOUR}), (2, 6, 9, now() + interval '1 second')`,
    );
    await database.rows(`INSERT INTO workers VALUES ($1, ${AN_HOUR})`, [randomUUID()]);
    await database.rows(`INSERT INTO forgotten_engines VALUES ('80', ${AN_HOUR})`);
    await database.rows(`UPDATE silence_watch SET since = ${AN_HOUR}, until = ${AN_HOUR}`);
    await database.rows(
      `INSERT INTO silence_watch SELECT ${AN_HOUR}, ${AN_HOUR} WHERE NOT EXISTS (SELECT FROM silence_watch)`,
    );
    await database.rows(`UPDATE roll_ups SET done_until = ${AN_HOUR}`);
    const before = await counted('poll');
    const near = () => number(`SELECT extract(epoch FROM polled_at) FROM polled_ranges WHERE from_slot = 6`);
    const nearBefore = await near();
    await sweep.round();
    expect(
      await number(`SELECT max(${FROM_NOW('polled_at')}) FROM polled_ranges WHERE from_slot = 0`),
    ).toBeLessThan(0);
    expect(await near()).toBe(nearBefore);
    expect(await number(`SELECT max(${FROM_NOW('seen_at')}) FROM workers`)).toBeLessThan(0);
    expect(await number(`SELECT max(${FROM_NOW('forgotten_at')}) FROM forgotten_engines`)).toBeLessThan(0);
    expect(await number(`SELECT max(${FROM_NOW('greatest(since, until)')}) FROM silence_watch`)).toBeLessThan(
      0,
    );
    expect(await number(`SELECT coalesce(max(${FROM_NOW('done_until')}), -1) FROM roll_ups`)).toBeLessThan(0);
    expect((await counted('poll')) - before).toBe(1);
  });

  test('of silences that were ended ahead: they end now, and every process learns of it', async () => {
    const silence = async (columns: Record<string, string>): Promise<string> => {
      const id = randomUUID();
      await database.rows(
        `INSERT INTO silences (id, version, created_at, updated_at, owner, match, mutes, starts_at, ends_at, reason, on_end, ${Object.keys(columns).join(', ')})
         VALUES ($1, 1, now(), now(), 'anna', '{}', 'actions', now(), now() + interval '1 day', '', 'act', ${Object.values(columns).join(', ')})`,
        [id],
      );
      return id;
    };
    const [ended, cut, right] = [
      await silence({ ended_at: AN_HOUR }),
      await silence({ cut_at: AN_HOUR }),
      await silence({ ended_at: 'now()' }),
    ];
    const revision = () => number('(SELECT revision FROM silence_revision)');
    const before = await revision();
    await sweep.round();
    const of = (column: string, id: string) =>
      number(`(SELECT ${FROM_NOW(column)} FROM silences WHERE id = '${id}')`);
    expect(await of('ended_at', ended)).toBeLessThanOrEqual(0);
    expect(await of('cut_at', cut)).toBeLessThanOrEqual(0);
    expect(await number(`(SELECT sum(version) FROM silences WHERE id = '${right}')`)).toBe(1);
    expect(await revision()).toBe(before + 1);
    await sweep.round();
    expect(await revision()).toBe(before + 1);
  });

  test('of executions are no further ahead than their action allows', async () => {
    const slow = await action({ attempts: 3, backoffSeconds: 1, maxBackoffSeconds: 7_200 });
    const lost = (finishedAt: string) =>
      `jsonb_build_array(jsonb_build_object('startedAt', now(), 'finishedAt', ${finishedAt}, 'outcome', 'lost'))`;
    const ids = {
      fresh: await execution({ next_attempt_at: AN_HOUR }),
      failed: await execution({ next_attempt_at: AN_HOUR, attempts: lost('now()') }),
      patient: await execution({ next_attempt_at: AN_HOUR, attempts: lost('now()') }, slow),
      // Its try ended an hour ahead as well, and it was to wait for 20 s.
      shifted: await execution({
        next_attempt_at: `${AN_HOUR} + interval '20 seconds'`,
        attempts: lost(AN_HOUR),
      }),
      held: await execution({
        next_attempt_at: `now() + interval '50 minutes'`,
        held: `'{"by": "service"}'`,
      }),
      running: await execution({ status: `'running'`, lease_until: AN_HOUR, started_at: AN_HOUR }),
      waiting: await execution({ status: `'waiting'`, next_attempt_at: AN_HOUR }),
    };
    await sweep.round();
    const due = (id: string, column = 'next_attempt_at') =>
      number(`SELECT ${FROM_NOW(column)} FROM executions WHERE id = '${id}'`);
    expect(await due(ids.fresh)).toBeLessThan(1);
    expect(await due(ids.failed)).toBeLessThan(76);
    expect(await due(ids.patient)).toBeGreaterThan(3_500);
    expect(await due(ids.shifted)).toBeLessThan(21);
    expect(await due(ids.shifted)).toBeGreaterThan(15);
    expect(await due(ids.held)).toBeGreaterThan(2_900);
    expect(await due(ids.running, 'lease_until')).toBeLessThan(41);
    expect(await due(ids.running, 'started_at')).toBeLessThan(0);
    expect(await due(ids.waiting)).toBeLessThan(1);
  });

  test('of alerts that fire are set right, so that they end in time and later reports count', async () => {
    const id = randomUUID();
    await database.rows(
      `INSERT INTO alerts (id, source, format, dedup_key, status, labels, annotations, at, received_at, last_seen_at, is_current,
         revision, processed, reported_at)
       VALUES ($1, 's', 'native', 'k', 'firing', '{}', '{}', now(), ${AN_HOUR}, ${AN_HOUR}, true, 1, 1, ${AN_HOUR})`,
      [id],
    );
    // Something else lay ahead: this is looked for at once.
    await database.rows(`INSERT INTO polled_ranges VALUES (3, 0, 5, ${AN_HOUR})`);
    await sweep.round();
    const of = (column: string) => number(`SELECT ${FROM_NOW(column)} FROM alerts WHERE id = '${id}'`);
    for (const column of ['received_at', 'last_seen_at', 'reported_at'])
      expect(await of(column)).toBeLessThan(0);
  });

  test('of samples are dropped, as they would stand in the way of what is read then', async () => {
    const day = (offset: number) =>
      database.rows(
        `DO $$ DECLARE d timestamptz := date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + interval '${offset} day'; BEGIN
           EXECUTE format('CREATE TABLE IF NOT EXISTS samples_t%s PARTITION OF samples FOR VALUES FROM (%L) TO (%L)', ${offset + 1}, d, d + interval '1 day'); END $$`,
      );
    for (const offset of [-1, 0, 1]) await day(offset);
    await database.rows(
      `INSERT INTO samples SELECT g, now() + make_interval(secs => s), '{1}' FROM generate_series(1, 3) g, unnest(ARRAY[-60, 60, 3600]) s`,
    );
    await database.rows(`INSERT INTO polled_ranges VALUES (4, 0, 5, ${AN_HOUR})`);
    await sweep.round();
    expect(await number('SELECT count(*) FROM samples')).toBe(3);
    expect(await number(`SELECT count(*) FROM samples WHERE at > now()`)).toBe(0);
  });

  test('of states that no poll looks at are evaluated, which sets them right', async () => {
    const id = randomUUID();
    await database.rows(
      `INSERT INTO services (id, name, description, labels, enabled, interval_seconds, slot, polled, metrics, series, condition, hold_seconds,
         wisdom_seconds, repeat, missing_data, policy, action_ids, mode, approval_ttl_seconds, version, created_at, updated_at)
       VALUES ($1, 'alone', '', '{}', true, 60, 1, false, '{}', '{}', 'true', 0, 0, true, 'hold', '{}', '{}', 'auto', 60, 1, now(), now())`,
      [id],
    );
    await database.rows(
      `INSERT INTO service_states (service_id, state, decision_id)
       VALUES ($1, jsonb_build_object('since', 0, 'wisdomFrom', extract(epoch FROM ${AN_HOUR}) * 1000), $1)`,
      [id],
    );
    await database.rows(`INSERT INTO polled_ranges VALUES (5, 0, 5, ${AN_HOUR})`);
    await sweep.round();
    expect(evaluated).toContain(id);
  });
});
