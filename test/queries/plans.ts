/** Plans of statements, as PostgreSQL makes them for any values of their parameters. */
import type { Client, QueryResultRow } from 'pg';
import { BY_KEYS } from '../../src/database/data-source';
import type { Planning, Statement } from '../../src/database/statement';

/** Tables that may be read whole, and why: they stay small, however many services are watched. */
export const SMALL: Readonly<Record<string, string>> = {
  actions: 'definitions that people write: hundreds',
  changed_services: 'services that have changed and were not looked at since',
  contacts: 'definitions that people write: hundreds',
  definition_revision: 'one row',
  forgotten_engines: 'what people have made listeners forget in the last day',
  kill_switch: 'one row',
  installation: 'one row',
  load_balancer_states: 'one row for each infrastructure that has a load balancer: hundreds',
  mibs: 'what people have uploaded: tens',
  poll_clock: 'one row',
  polled_ranges: 'one row for about 250 services',
  silence_revision: 'one row',
  silence_watch: 'one row',
  source_counts: 'counts of the last five minutes, of each source',
  source_states: 'one row for each source',
  sources: 'definitions that people write: hundreds',
  workers: 'one row for each process',
};

/** Tables that one statement reads whole since it wants all of them, by statement. */
export const WANTED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  auth_tokens: { api_tokens: 'all hashes are compared, four times a second at most while somebody guesses' },
};

/** Tables that may be read whole before PostgreSQL has read them for its statistics, and why. */
export const BOUNDED: Readonly<Record<string, string>> = {
  snmp_engines: 'engines that listeners have learnt of, a bounded number',
  trap_refusals: 'the latest refused senders, a bounded number',
};

/** A way to plan a statement, with its plan. */
export interface Planned {
  way: Exclude<Planning, 'either way'>;
  plan: string;
  /** Tables that it reads whole. */
  whole: readonly string[];
}

const SETTINGS: Readonly<Record<Planned['way'], string>> = {
  'by statistics': 'RESET ALL',
  'by keys': BY_KEYS,
};
/** With workers a plan depends on the number of pages. */
const SAME_EVERYWHERE = 'SET max_parallel_workers_per_gather = 0';

/** Returns the plans of each statement, by name; one of each way in which it is planned. */
export async function plansOf(
  client: Client,
  statements: readonly Statement<QueryResultRow>[],
): Promise<Map<string, Planned[]>> {
  const plans = new Map<string, Planned[]>(statements.map(({ name }) => [name, []]));
  const indexes = await largeIndexes(client);
  for (const way of ['by statistics', 'by keys'] as const) {
    await client.query(`RESET ALL; ${SETTINGS[way]}; ${SAME_EVERYWHERE}`);
    for (const { name, text, planned } of statements)
      if (planned === way || planned === 'either way') {
        const plan = await planOf(client, name, text);
        plans.get(name)!.push({ way, plan, whole: readWhole(plan, indexes) });
      }
  }
  return plans;
}

async function planOf(client: Client, name: string, text: string): Promise<string> {
  try {
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN (GENERIC_PLAN, COSTS OFF) ${text}`,
    );
    return folded(rows.map((row) => row['QUERY PLAN'])).join('\n');
  } catch (error) {
    throw new Error(`${name} can't be planned: ${(error as Error).message}`, { cause: error });
  }
}

/** Returns the tables of indexes that have most of their rows, by index. */
async function largeIndexes(client: Client): Promise<Map<string, string>> {
  const { rows } = await client.query<{ index: string; table: string }>(
    `SELECT x.relname AS index, t.relname AS table FROM pg_index i
       JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
     WHERE x.reltuples > t.reltuples / 2 AND x.reltuples > 0`,
  );
  return new Map(rows.map(({ index, table }) => [plainly(index), plainly(table)]));
}

const SCAN = /Seq Scan on (\w+)|Index (?:Only )?Scan (?:Backward )?using (\w+) on|Bitmap Index Scan on (\w+)/;

/**
 * Returns the tables that a plan reads whole, each once: also by an index, from one end to the other.
 *
 * @param indexes tables of those that have most of their rows
 */
export function readWhole(plan: string, indexes: ReadonlyMap<string, string>): string[] {
  const lines = plan.split('\n');
  const whole = lines.flatMap((line, at) => {
    const [, table, ordered, bitmap] = SCAN.exec(line) ?? [];
    const index = ordered ?? bitmap;
    if (index === undefined) return table ?? [];
    return isBounded(lines, at) ? [] : (indexes.get(index) ?? []);
  });
  return [...new Set(whole.map((table) => table.replace(/_DAY$/, '')))];
}

const indentOf = (line: string): number => /^ */.exec(line)![0].length;

/** Tells whether a scan looks for keys, or is ended by a LIMIT without leaving rows out. */
function isBounded(lines: readonly string[], at: number): boolean {
  const next = lines[at + 1]?.trim() ?? '';
  if (next.startsWith('Index Cond:')) return true;
  return !next.startsWith('Filter:') && /^(->\s+)?Limit/.test(parentOf(lines, at));
}

/** Returns the node that asks for the rows of another; a `Result` only hands them on. */
function parentOf(lines: readonly string[], at: number): string {
  const above = lines.slice(0, at).findLastIndex((line) => indentOf(line) < indentOf(lines[at]!));
  const parent = lines[above]?.trim() ?? '';
  return /^(->\s+)?Result/.test(parent) ? parentOf(lines, above) : parent;
}

/** Returns a text without the days of partitions, and of their indexes. */
const plainly = (text: string): string => text.replace(/(samples\w*?)_20\d{6}/g, '$1_DAY');

/** Returns a plan with one partition in place of several that are read alike; which there are is told by the calendar. */
export function folded(lines: readonly string[]): string[] {
  const parts = partsOf(lines.map(plainly));
  const kept = parts.filter((part, index) => index === 0 || part.plain !== parts[index - 1]!.plain);
  return kept.flatMap(({ lines }) => lines);
}

interface Part {
  lines: string[];
  /** Its text without the numbers of aliases. */
  plain: string;
}

/** Returns the plan cut before each line that names a partition, and after what belongs to that. */
function partsOf(lines: readonly string[]): Part[] {
  const parts: string[][] = [[]];
  let within: number | undefined;
  for (const line of lines) {
    const indent = indentOf(line);
    const begins = /->.*_DAY\b/.test(line) && (within === undefined || indent <= within);
    if (begins || (within !== undefined && indent <= within)) parts.push([]);
    if (begins) within = indent;
    else if (within !== undefined && indent <= within) within = undefined;
    parts.at(-1)!.push(line);
  }
  return parts.map((lines) => ({ lines, plain: lines.join('\n').replace(/_\d+\b/g, '') }));
}
