import {
  FunctionExpressionType,
  JSONPathEnvironment,
  jsonpath,
  type JSONPathQuery,
  type JSONValue,
} from 'json-p3';
import type { RE2JS } from 're2js';
import { messageOf } from './errors';
import { expressionOf, sizeProblem } from './expressions';
import { lazily } from './lazily';
import { plainNumber } from './plain-number';

const MAX_LENGTH = 500;
const MAX_DEPTH = 64;
const MAX_COMPILED = 1_000;
/** Largest number of comparisons, functions, `&&` and `||` in a filter. */
const MAX_TESTS = 20;

const environment = lazily(() => {
  const made = new JSONPathEnvironment({ maxRecursionDepth: MAX_DEPTH });
  // By RE2: matched in linear time, whatever the expression. Its syntax holds that of I-Regexp (RFC 9485).
  for (const [name, fits] of [
    ['match', (pattern: RE2JS, text: string) => pattern.matches(text)],
    ['search', (pattern: RE2JS, text: string) => pattern.matcher(text).find()],
  ] as const) {
    made.functionRegister.set(name, {
      argTypes: [FunctionExpressionType.ValueType, FunctionExpressionType.ValueType],
      returnType: FunctionExpressionType.LogicalType,
      call: (text: unknown, expression: unknown) => {
        if (typeof text !== 'string' || typeof expression !== 'string') return false;
        try {
          return fits(expressionOf(expression), text);
        } catch {
          return false; // RFC 9535, 2.4.6: an expression that is none matches nothing.
        }
      },
    });
  }
  return made;
});

const compiled = new Map<string, JSONPathQuery>();

/** Returns what is wrong with a JSONPath (RFC 9535) that is to find one value; undefined when nothing is. */
export function jsonPathProblem(path: string): string | undefined {
  if (path.length > MAX_LENGTH) return `must have at most ${MAX_LENGTH} characters`;
  try {
    return costProblem(environment().compile(path));
  } catch (error) {
    return `is not a valid JSONPath: ${messageOf(error)}`;
  }
}

/**
 * Returns the number at the path: a JSON number, or a text that is one. Undefined when there is nothing, several
 * values, or something else.
 */
export function numberAt(path: string, document: unknown): number | undefined {
  const found = numberOrProblemAt(path, document);
  return 'number' in found ? found.number : undefined;
}

/**
 * Like `numberAt`, but throws when there is no number.
 *
 * @throws Error saying why there is none
 */
export function numberFoundAt(path: string, document: unknown): number {
  const found = numberOrProblemAt(path, document);
  if ('number' in found) return found.number;
  throw new Error(found.problem);
}

/** Like `numberAt`, but returns why there is no number. */
export function numberOrProblemAt(path: string, document: unknown): { number: number } | { problem: string } {
  try {
    const nodes = queryOf(path).lazyQuery(document as JSONValue);
    const first = nodes.next();
    if (first.done) return { problem: `there is nothing at ${path}` };
    if (!nodes.next().done) return { problem: `there are several values at ${path}` };
    const number = numberOf(first.value.value);
    return number === undefined
      ? { problem: `at ${path} there is ${kindOf(first.value.value)}` }
      : { number };
  } catch {
    return { problem: `it is nested deeper than ${MAX_DEPTH}` };
  }
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return 'a text that is no number';
  if (typeof value === 'number') return 'a number that is too great';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

/** Returns a finite number, also from a text that is one; otherwise undefined. */
export function numberOf(value: unknown): number | undefined {
  if (typeof value === 'string') return plainNumber(value);
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** Tells whether a path leads straight to one value, so that its cost does not depend on the size of the document. */
export const isStraight = (path: string): boolean => queryOf(path).singularQuery();

function queryOf(path: string): JSONPathQuery {
  const known = compiled.get(path);
  if (known !== undefined) return known;
  const query = environment().compile(path);
  if (compiled.size >= MAX_COMPILED) compiled.clear();
  compiled.set(path, query);
  return query;
}

/**
 * Returns why a query is too costly. Its time depends on the document, which others send: nested filters, or a search
 * inside of a filter, would make it quadratic.
 */
function costProblem(query: JSONPathQuery): string | undefined {
  const counts = { filters: 0, descents: 0, unions: 0, scans: 0, tests: 0 };
  count(query, counts);
  if (counts.unions > 0) return 'must select one value, not a list of them by ","';
  if (counts.filters > 1) return 'must have at most one filter';
  if (counts.descents > 1) return 'must have at most one ".."';
  if (counts.scans > 0) return 'must not search the whole document by "$" inside of a filter';
  if (counts.tests > MAX_TESTS)
    return `must have at most ${MAX_TESTS} comparisons, functions, && and || in its filter`;
  return patternProblem(query);
}

/**
 * Returns what is wrong with the regular expressions of a query. They must be literals: an expression from the document
 * would be compiled for each node, at the sender's choice of size.
 */
function patternProblem(part: unknown): string | undefined {
  if (typeof part !== 'object' || part === null) return undefined;
  if (part instanceof jsonpath.expressions.FunctionExtension && ['match', 'search'].includes(part.name)) {
    const [, pattern] = part.args;
    if (!(pattern instanceof jsonpath.expressions.StringLiteral))
      return `must have the expression of ${part.name} as a text in quotes`;
    const problem = largeProblem(pattern.value);
    return problem === undefined ? undefined : `has an expression that ${problem}`;
  }
  for (const [key, inner] of Object.entries(part)) {
    const problem = key === 'environment' || key === 'token' ? undefined : patternProblem(inner);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/**
 * Returns why an expression is too large. A text that is no expression matches nothing and is no mistake (RFC 9535,
 * 2.4.6).
 */
function largeProblem(pattern: string): string | undefined {
  try {
    return sizeProblem(expressionOf(pattern));
  } catch {
    return undefined;
  }
}

const tests = lazily(() => [jsonpath.expressions.InfixExpression, jsonpath.expressions.FunctionExtension]);

function count(
  part: unknown,
  counts: Record<'filters' | 'descents' | 'unions' | 'scans' | 'tests', number>,
): void {
  if (typeof part !== 'object' || part === null) return;
  if (Array.isArray(part)) return part.forEach((one) => count(one, counts));
  if (part instanceof jsonpath.selectors.FilterSelector) counts.filters++;
  if (part instanceof jsonpath.expressions.RootQuery && !part.path.singularQuery()) counts.scans++;
  if (tests().some((test) => part instanceof test)) counts.tests++;
  if (part instanceof jsonpath.JSONPathSegment && String(part).startsWith('..')) counts.descents++;
  for (const [key, inner] of Object.entries(part)) {
    if (key === 'selectors' && (inner as unknown[]).length > 1) counts.unions++;
    if (key !== 'environment' && key !== 'token') count(inner, counts);
  }
}
