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

/** A way to plan a statement, with its plan. */
export interface Planned {
  way: Exclude<Planning, 'either way'>;
  plan: string;
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
  for (const way of ['by statistics', 'by keys'] as const) {
    await client.query(`RESET ALL; ${SETTINGS[way]}; ${SAME_EVERYWHERE}`);
    for (const { name, text, planned } of statements)
      if (planned === way || planned === 'either way')
        plans.get(name)!.push({ way, plan: await planOf(client, name, text) });
  }
  return plans;
}

async function planOf(client: Client, name: string, text: string): Promise<string> {
  try {
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN (GENERIC_PLAN, COSTS OFF) ${text}`);
    return folded(rows.map((row) => row['QUERY PLAN'])).join('\n');
  } catch (error) {
    throw new Error(`${name} can't be planned: ${(error as Error).message}`, { cause: error });
  }
} // prettier-ignore

/** Tables that a plan reads whole, partitions by the name of their table. */
export const readWhole = (plan: string): string[] => [
  ...new Set([...plan.matchAll(/Seq Scan on (\w+)/g)].map(([, table]) => table!.replace(/_DAY$/, ''))),
];

/** Returns a plan with one partition in place of several that are read alike; which there are is told by the calendar. */
function folded(lines: readonly string[]): string[] {
  const parts = partsOf(lines.map((line) => line.replace(/(samples\w*)_20\d{6}/g, '$1_DAY')));
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
    const indent = /^ */.exec(line)![0].length;
    const begins = /->.*_DAY\b/.test(line) && (within === undefined || indent <= within);
    if (begins || (within !== undefined && indent <= within)) parts.push([]);
    if (begins) within = indent;
    else if (within !== undefined && indent <= within) within = undefined;
    parts.at(-1)!.push(line);
  }
  return parts.map((lines) => ({ lines, plain: lines.join('\n').replace(/_\d+\b/g, '') }));
}
