/** Statements as the source declares them: where, and what their docstrings say. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import ts from 'typescript';

const ROOT = resolve(__dirname, '../..');
const CLASSES = new Set(['Statement', 'BatchStatement']);

export interface Declaration {
  /** Name of the statement. */
  name: string;
  /** Path from the root. */
  file: string;
  /** Docstring in one line; empty when there is none. */
  what: string;
}

/** Returns the files of the program that declare statements, from the root. */
export const declaringFiles = (): string[] =>
  readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => /(?<!\.spec)\.ts$/.test(file) && !file.startsWith('console/web/'))
    .map((file) => `src/${file}`)
    .filter((file) => file !== 'src/database/statement.ts')
    .filter((file) => /new (Batch)?Statement\b/.test(readFileSync(join(ROOT, file), 'utf8')))
    .sort();

/** Loads the files, so that `allStatements` has what they declare. */
export async function load(files: readonly string[]): Promise<void> {
  for (const file of files) await import(join(ROOT, file));
}

/** Returns the statements of a file. */
export const declarationsIn = (file: string): Declaration[] =>
  declarationsOf(file, readFileSync(join(ROOT, file), 'utf8'));

/**
 * Returns the statements of a source text.
 *
 * @throws Error at one that is no constant of the file: it might not be declared yet when all are looked at
 */
export function declarationsOf(file: string, text: string): Declaration[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found = source.statements.filter(ts.isVariableStatement).flatMap((statement) =>
    statement.declarationList.declarations.flatMap(({ initializer }) => {
      if (!isStatement(initializer)) return [];
      const [name] = initializer.arguments ?? [];
      if (name === undefined || !ts.isStringLiteral(name)) return [];
      return [{ name: name.text, file, what: docstringOf(statement) }];
    }),
  );
  const all = countIn(source, isStatement);
  if (all !== found.length)
    throw new Error(`${file} makes ${all} statements; ${found.length} are constants with a name in quotes`);
  return found;
}

function isStatement(node?: ts.Node): node is ts.NewExpression {
  return node !== undefined && ts.isNewExpression(node) && CLASSES.has(node.expression.getText());
}

function countIn(node: ts.Node, is: (node: ts.Node) => boolean): number {
  let count = is(node) ? 1 : 0;
  ts.forEachChild(node, (child) => void (count += countIn(child, is)));
  return count;
}

function docstringOf(node: ts.Node): string {
  const [doc] = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);
  const text = ts.getTextOfJSDocComment(doc?.comment) ?? '';
  return text.replace(/\s+/g, ' ').trim();
}
