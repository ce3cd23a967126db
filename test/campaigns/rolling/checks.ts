/** What PostgreSQL and the target know after the versions have changed under load: nothing lost, nothing twice, no gap. */
import { Client } from 'pg';
import type { SunkRequest } from '../../stand-ins/webhook-sink';
import { KEY_OID } from '../informs';

/**
 * Longest time between two readings, beyond the interval, seconds: a tick, and what a worker takes over from one that ends
 * amid a poll.
 */
const LATE_SECONDS = 2;
const LISTED = 5;
/** Time after a gap in which a process says that it stood still, seconds. */
const SAID_WITHIN_SECONDS = 5;

export interface Facts {
  databaseUrl: string;
  acceptedAlerts: readonly number[];
  toActOn: ReadonlySet<number>;
  acknowledgedInforms: readonly string[];
  target: readonly SunkRequest[];
  services: number;
  intervalSeconds: number;
  /** Span in which services have to be read. */
  from: Date;
  to: Date;
  /** Moments at which processes said that the machine let them stand still, or that PostgreSQL did not answer. */
  standstills: readonly Date[];
}

export interface Findings {
  executions: number;
  readings: number;
  longestGapSeconds: number;
  /** Gaps in readings while the machine stood still, which say nothing of the program. */
  excused: number;
  violations: string[];
}

export async function check(facts: Facts): Promise<Findings> {
  const client = new Client({ connectionString: facts.databaseUrl });
  await client.connect();
  try {
    const rows = async <R extends object>(text: string, values: unknown[] = []) =>
      (await client.query<R>(text, values)).rows;
    const executions = await executionsOf(rows);
    const readings = await readingsOf(rows, facts);
    return {
      executions: executions.count,
      ...readings.figures,
      violations: [
        ...(await lostAlerts(rows, facts)),
        ...acts(facts, executions.count),
        ...executions.violations,
        ...readings.violations,
      ],
    };
  } finally {
    await client.end();
  }
}

/** Counts alerts that no rule has looked at, and executions that have not come to an end. */
export const countOpen = (databaseUrl: string): Promise<number> =>
  countIn(
    databaseUrl,
    `SELECT ((SELECT count(*) FROM executions WHERE status IN ('queued', 'running', 'waiting', 'awaiting_approval'))
       + (SELECT count(*) FROM alerts WHERE processed < revision))::int AS count`,
  );

/** Counts polled services that have been read. */
export const countRead = (databaseUrl: string): Promise<number> =>
  countIn(
    databaseUrl,
    `${POLLED} SELECT count(*)::int AS count FROM polled p WHERE EXISTS (SELECT FROM samples s WHERE s.group_id = p.group_id)`,
  );

async function countIn(databaseUrl: string, text: string): Promise<number> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ count: number }>(text);
    return rows[0]!.count;
  } finally {
    await client.end();
  }
}

type Rows = <R extends object>(text: string, values?: unknown[]) => Promise<R[]>;

async function lostAlerts(rows: Rows, { acceptedAlerts, acknowledgedInforms }: Facts): Promise<string[]> {
  const found = await rows<{ name: string; times: number }>(
    `SELECT coalesce(labels->>'n', labels->>$1) AS name, count(*)::int AS times FROM alerts GROUP BY 1`,
    [KEY_OID],
  );
  const times = new Map(found.map((row) => [row.name, row.times]));
  const lostOf = (what: string, names: readonly (string | number)[]): string[] => {
    const lost = names.filter((name) => !times.has(String(name)));
    return lost.length === 0 ? [] : [`${lost.length} ${what} are lost: ${listed(lost)}`];
  };
  const twice = found.filter((row) => row.times > 1).map(({ name }) => name);
  return [
    ...lostOf('alerts that were accepted', acceptedAlerts),
    ...lostOf('informs that were acknowledged', acknowledgedInforms),
    ...(twice.length === 0 ? [] : [`${twice.length} alerts are there twice: ${listed(twice)}`]),
  ];
}

/** Each alert that a rule acts on was sent to the target once, under a key that was used once. */
function acts({ target, toActOn }: Facts, executions: number): string[] {
  const violations: string[] = [];
  const [paths, keys] = [new Map<string, number>(), new Map<string, number>()];
  for (const { path, headers } of target) {
    const key = String(headers['idempotency-key']);
    paths.set(path, (paths.get(path) ?? 0) + 1);
    keys.set(key, (keys.get(key) ?? 0) + 1);
  }
  const missing = [...toActOn].filter((n) => !paths.has(`/${n}`));
  if (missing.length > 0) violations.push(`${missing.length} alerts were not acted on: ${listed(missing)}`);
  for (const [what, counts] of [
    ['alerts were acted on', paths],
    ['keys were used', keys],
  ] as const) {
    const twice = [...counts].filter(([, count]) => count > 1).map(([name]) => name);
    if (twice.length > 0) violations.push(`${twice.length} ${what} more than once: ${listed(twice)}`);
  }
  if (executions !== toActOn.size)
    violations.push(`${toActOn.size} alerts were to be acted on, and there are ${executions} executions`);
  return violations;
}

async function executionsOf(rows: Rows): Promise<{ count: number; violations: string[] }> {
  const found = await rows<{ status: string; count: number; example: string }>(
    `SELECT status, count(*)::int AS count, min(id::text || ': ' || left(attempts::text, 500)) AS example FROM executions GROUP BY 1`,
  );
  return {
    count: found.reduce((sum, { count }) => sum + count, 0),
    violations: found.flatMap(({ status, count, example }) =>
      status === 'succeeded' ? [] : [`${count} executions are ${status}, such as ${example}`],
    ),
  };
}

/** Each service was read all the time: from the first to the last there is no gap larger than an interval and `LATE_SECONDS`. */
async function readingsOf(rows: Rows, { services, intervalSeconds, from, to, standstills }: Facts) {
  const longest = intervalSeconds + LATE_SECONDS;
  const [all] = await rows<{ services: number; readings: number; longest: number; failed: number }>(
    `${POLLED}
     SELECT count(DISTINCT group_id) FILTER (WHERE is_reading)::int AS services, count(*) FILTER (WHERE is_reading)::int AS readings,
       count(*) FILTER (WHERE is_reading AND reading IS NULL)::int AS failed,
       coalesce(max(extract(epoch FROM at - before)), 0)::float8 AS longest
     FROM (${SPANS}) spans`,
    [from, to],
  );
  const gaps = await rows<{ services: number; before: Date; seconds: number }>(
    `${POLLED}
     SELECT count(*)::int AS services, date_trunc('second', before) AS before, max(extract(epoch FROM at - before))::int AS seconds
     FROM (${SPANS}) spans WHERE at - before > make_interval(secs => $3) GROUP BY 2 ORDER BY 2`,
    [from, to, longest],
  );
  const { readings, failed } = all!;
  const isExcused = ({ before, seconds }: { before: Date; seconds: number }) => {
    const until = before.getTime() + (seconds + SAID_WITHIN_SECONDS) * 1_000;
    return standstills.some((at) => at >= before && at.getTime() <= until);
  };
  const own = gaps.filter((gap) => !isExcused(gap));
  const violations = own
    .slice(0, LISTED)
    .map(
      (gap) =>
        `${gap.services} services were not read for ${gap.seconds} s after ${gap.before.toISOString()}`,
    );
  if (own.length > LISTED) violations.push(`and ${own.length - LISTED} more such gaps`);
  if (all!.services !== services)
    violations.push(`of ${services} services ${all!.services} were read at all`);
  if (failed > 0) violations.push(`${failed} readings failed`);
  const excused = gaps.length - own.length;
  return { figures: { readings, longestGapSeconds: all!.longest, excused }, violations };
}

/**
 * Readings of services that are polled, with the moment of the one before. Begin and end of the span stand among them, so that
 * a service that is read too late, or no more, has a gap there.
 */
const SPANS = `SELECT *, lag(at) OVER (PARTITION BY group_id ORDER BY at) AS before
  FROM (
    SELECT p.group_id, s.at, s.readings[p.place] AS reading, true AS is_reading
    FROM polled p JOIN samples s ON s.group_id = p.group_id AND s.at BETWEEN $1 AND $2
    UNION ALL SELECT p.group_id, e.at, NULL, false FROM polled p, (VALUES ($1::timestamptz), ($2)) e (at)) s`;
/** Where the readings of each polled service are kept. */
const POLLED = `WITH polled AS MATERIALIZED (
  SELECT (series / 100)::int AS group_id, (series % 100 + 1)::int AS place
  FROM (SELECT (series->>'load')::bigint AS series FROM services WHERE polled) s)`;

const listed = (names: readonly (string | number)[]): string =>
  names.slice(0, LISTED).join(', ') + (names.length > LISTED ? ', …' : '');
