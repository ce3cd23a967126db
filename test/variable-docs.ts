/**
 * `.env.example` and the tables of `docs/configuration.md`, as the table of variables says them.
 * `npm run docs:variables` writes them; `src/config/variables.spec.ts` compares.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CLI_VARIABLES, VARIABLES, type Variable } from '../src/config/variables';

const ROOT = resolve(__dirname, '..');
const COMMENT_WIDTH = 110;

export interface GeneratedFile {
  path: string;
  before: string;
  after: string;
}

export function variableDocs(): GeneratedFile[] {
  return [
    generated('.env.example', () => envExample()),
    generated('docs/configuration.md', (page) =>
      [['variables', VARIABLES] as const, ['variables of the command line', CLI_VARIABLES] as const].reduce(
        (text, [what, variables]) => withTable(text, what, variables),
        page,
      ),
    ),
  ];
}

function generated(path: string, make: (before: string) => string): GeneratedFile {
  const before = readFileSync(join(ROOT, path), 'utf8');
  return { path, before, after: make(before) };
}

function envExample(): string {
  const head =
    '# Every variable, with its default. `npm start` reads .env beside package.json; what the environment has wins.';
  return `${[head, ...VARIABLES.map(exampleOf)].join('\n\n')}\n`;
}

function exampleOf({ name, default: standard, meaning, example, hint }: Variable): string {
  const isShown = example === undefined || standard === 'unset';
  const sentence = `${plain(isShown ? meaning : `${meaning} (default: ${standard})`)}.`;
  const line = example === undefined ? `${name}=${standard}` : `#${name}=${example}`;
  const comment = [...wrapped(sentence), ...(hint === undefined ? [] : [hint])];
  return [...comment.map((text) => `# ${text}`), line].join('\n');
}

/** Markdown as a text: without links and code marks, with a capital first unless that is a word to be written so. */
function plain(markdown: string): string {
  const text = markdown.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll('`', '');
  return markdown.startsWith('`') ? text : text[0]!.toUpperCase() + text.slice(1);
}

function wrapped(text: string): string[] {
  return text.split(' ').reduce<string[]>((lines, word) => {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > COMMENT_WIDTH) return [...lines, word];
    return [...lines.slice(0, -1), `${last} ${word}`];
  }, []);
}

/** Between two marks, since what is around it is written by hand. */
function withTable(page: string, what: string, variables: readonly Variable[]): string {
  const begin = `<!-- ${what}: npm run docs:variables -->\n`;
  const end = `\n<!-- end of ${what} -->`;
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/configuration.md has no place for the table of ${what}`);
  const rows = variables.map(({ name, default: standard, meaning, example }) => [
    `\`${name}\``,
    example === undefined && !standard.includes('`') ? `\`${standard}\`` : standard,
    meaning,
  ]);
  return `${page.slice(0, from)}${begin}\n${table([['variable', 'default', 'meaning'], ...rows])}\n${page.slice(to)}`;
}

/** As prettier aligns it. */
function table(rows: readonly string[][]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (row: readonly string[], fill = ' ') =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column]!, fill)).join(' | ')} |`;
  const [head, ...rest] = rows;
  return [line(head!), line(['-', '-', '-'], '-'), ...rest.map((row) => line(row))].join('\n');
}

if (require.main === module)
  for (const { path, before, after } of variableDocs()) {
    if (after !== before) writeFileSync(join(ROOT, path), after);
    console.log(`${path}: ${after === before ? 'is as the table says' : 'written'}`);
  }
