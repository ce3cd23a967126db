/**
 * Pages of `docs/queries`: every statement with its plan, by room of the program. `npm run docs:queries` writes them;
 * `queries.spec.ts` compares.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { QueryResultRow } from 'pg';
import type { Statement } from '../../src/database/statement';
import type { Declaration } from './declarations';
import type { Planned } from './plans';

export const FOLDER = join(resolve(__dirname, '../..'), 'docs', 'queries');
/** Written by hand. */
const INDEX = 'README.md';

/** A statement with all that its page tells of it. */
export interface Shown extends Declaration, Pick<Statement<QueryResultRow>, 'text'> {
  plans: readonly Planned[];
  /** Plans before PostgreSQL has read its tables, as they are in a burst on a new database. */
  early: readonly Planned[];
}

/** Returns the pages, by file in the folder. */
export function pagesOf(statements: readonly Shown[]): Map<string, string> {
  const rooms = new Map<string, Shown[]>();
  for (const one of statements) {
    const room = one.file.split('/')[1]!;
    rooms.set(room, [...(rooms.get(room) ?? []), one]);
  }
  return new Map(
    [...rooms].sort().map(([room, its]) => [
      `${room}.md`,
      `# Statements of ${room}

Written by \`npm run docs:queries\`: [what this is](README.md).

${its.map(sectionOf).join('\n')}`,
    ]),
  );
}

const sectionOf = ({ name, file, what, text, plans }: Shown): string => `## ${name}

${what} \`${file}\`

\`\`\`sql
${dedented(text)}
\`\`\`
${waysOf(plans).map(([ways, plan]) => `
Planned ${ways}:

\`\`\`text
${plan}
\`\`\`
`).join('')}`; // prettier-ignore

/** Returns the plans with the ways that lead to each. */
function waysOf(plans: readonly Planned[]): [ways: string, plan: string][] {
  const ways = new Map<string, string[]>();
  for (const { way, plan } of plans) ways.set(plan, [...(ways.get(plan) ?? []), way]);
  return [...ways].map(([plan, its]) => [its.join(' and '), plan]);
}

/** Returns a text with its lines as far to the left as they stand to each other. */
function dedented(text: string): string {
  const [first, ...rest] = text.trim().split('\n');
  const indents = rest.filter((line) => line.trim() !== '').map((line) => /^ */.exec(line)![0].length);
  const least = Math.min(...indents);
  return [first!, ...rest.map((line) => line.slice(least))].map((line) => line.trimEnd()).join('\n');
}

/** Returns the pages as they are, by file. */
export const keptPages = (): Map<string, string> =>
  new Map(
    readdirSync(FOLDER)
      .filter((file) => file !== INDEX)
      .sort()
      .map((file) => [file, readFileSync(join(FOLDER, file), 'utf8')]),
  );
