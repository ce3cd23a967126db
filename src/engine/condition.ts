import {
  Environment,
  serialize,
  type ParseError,
  type TypeError as CelTypeError,
} from '@marcbachmann/cel-js';
import type { Values } from './types';

/** Limits of an expression, which cel-js checks while it parses. */
const LIMITS = {
  maxAstNodes: 2_000,
  maxDepth: 100,
  maxListElements: 100,
  maxMapEntries: 100,
  maxCallArguments: 20,
};
export const MAX_CONDITION_LENGTH = 4_000;

/** Pattern of a metric's name: a CEL identifier. */
export const METRIC_NAME = /^[A-Za-z][A-Za-z0-9_]{0,62}$/;

const RESERVED = new Set(
  (
    'true false null in as break const continue else for function if import let loop package namespace return var ' +
    'void while int uint double bool string bytes list map type null_type prototype'
  ).split(' '),
);

export const isMetricName = (name: string): boolean => METRIC_NAME.test(name) && !RESERVED.has(name);

/** Result of a condition: true or false, or undecided and why. */
export type Verdict = { truth: boolean } | { truth?: undefined; because: string };

export type Condition = (values: Values) => Verdict;

/** A mistake in an expression, with its place in the text. */
export class ConditionError extends Error {}

/** Compiled conditions by text and metrics: thousands of services share a few. */
const compiled = new Map<string, Condition>();
const MAX_COMPILED = 20_000;

/**
 * Compiles a CEL expression over metrics. Every metric is a double. A missing metric is an undeclared variable at run
 * time: CEL's `||` and `&&` then decide by the other operand where it alone decides.
 *
 * @throws ConditionError when it does not parse, names an unknown variable, is not boolean, or may divide by 0
 */
export function compileCondition(text: string, metrics: readonly string[]): Condition {
  if (text.length > MAX_CONDITION_LENGTH) {
    throw new ConditionError(
      `is ${text.length} characters long; at most ${MAX_CONDITION_LENGTH} are allowed`,
    );
  }
  const key = JSON.stringify([text, ...metrics]);
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const program = parse(text, environment(metrics));
  // What a missing metric's name is to every object is no number.
  const isInherited = metrics.some((name) => name in Object.prototype);
  const condition = evaluator(isInherited ? (values) => program(onlyOwn(values)) : program);
  if (compiled.size >= MAX_COMPILED) compiled.delete(compiled.keys().next().value!);
  compiled.set(key, condition);
  return condition;
}

function evaluator(program: (values: Values) => unknown): Condition {
  return (values) => {
    try {
      return { truth: program(values) as boolean };
    } catch (error) {
      // An unknown variable is a metric that is missing; anything else can't be decided either.
      return { because: firstLine((error as Error).message) };
    }
  };
}

const onlyOwn = (values: Values): Values => Object.assign(Object.create(null) as object, values);

/** Environment that all conditions have in common, built for the first; each condition adds its metrics to a copy. */
let common: Environment | undefined;

function commonEnvironment(): Environment {
  const env = new Environment({ limits: LIMITS });
  env.registerOperator('double % double', (a: number, b: number) => a % b);
  env.registerFunction('abs(double): double', Math.abs);
  for (let count = 2; count <= LIMITS.maxCallArguments; count++) {
    const numbers = Array(count).fill('double').join(', ');
    env.registerFunction(`min(${numbers}): double`, Math.min);
    env.registerFunction(`max(${numbers}): double`, Math.max);
  }
  env.registerFunction('isMissing(ast): bool', isMissing);
  return env;
}

function environment(metrics: readonly string[]): Environment {
  common ??= commonEnvironment();
  const env = common.clone();
  for (const name of metrics) env.registerVariable(name, 'double');
  return env;
}

/** Functions of a condition, as the catalogue shows them. */
export const CONDITION_FUNCTIONS = [
  { name: 'abs', signature: 'abs(number): number', description: 'The number without its sign' },
  { name: 'min', signature: 'min(number, number, …): number', description: 'The smallest of the numbers' },
  { name: 'max', signature: 'max(number, number, …): number', description: 'The largest of the numbers' },
  {
    name: 'isMissing',
    signature: 'isMissing(metric): boolean',
    description: 'True while the metric can not be read; it is never missing itself',
  },
] as const;

/**
 * Expands the macro `isMissing(metric)`: true where evaluating the metric's name throws, as it does for a missing one.
 */
function isMissing({ args }: { args: Node[] }) {
  return {
    args,
    async: false,
    typeCheck(checker: Checker, _: unknown, context: unknown) {
      const [metric] = args;
      if (metric!.op !== 'id') {
        throw new ConditionError(`isMissing takes the name of a metric ${placeOf(metric!)}`);
      }
      checker.check(metric!, context);
      return checker.getType('bool');
    },
    evaluate(evaluator: { run(node: Node, context: unknown): unknown }, _: unknown, context: unknown) {
      try {
        evaluator.run(args[0]!, context);
        return false;
      } catch {
        return true;
      }
    },
  };
}

interface Node {
  op: string;
  args: unknown;
  start: number;
  end: number;
  input: string;
  /** Computes what the node is of its operands; set for operators when the types are checked. */
  handle?: (...operands: unknown[]) => unknown;
}
interface Checker {
  check(node: Node, context: unknown): unknown;
  getType(name: string): unknown;
}

function parse(text: string, env: Environment): (values: Values) => unknown {
  let program;
  try {
    program = env.parse(text);
  } catch (error) {
    if (error instanceof ConditionError) throw error;
    const why = firstLine((error as ParseError).message);
    throw new ConditionError(foreignHabit(text) ?? `does not parse: ${why}`);
  }
  const root = program.ast as unknown as Node;
  keepToNumbers(root);
  const { valid, type, error } = program.check() as { valid: boolean; type?: string; error?: CelTypeError };
  if (!valid) throw new ConditionError(foreignHabit(text) ?? firstLine(error!.message));
  if (type !== 'bool')
    throw new ConditionError(`must be true or false, but is ${type}; compare it with something`);
  checkDivisors(root, []);
  keepFinite(root);
  return program;
}

/** Operators whose result may be too great for a double though their operands are not. */
const OVERFLOWING = new Set(['+', '-', '*', '/']);

/**
 * Makes arithmetic throw where its result exceeds a double: the condition is undecided then, as without a metric.
 * Infinity would be over any threshold, and what is made of it no number at all.
 */
function keepFinite(node: Node): void {
  const { handle } = node;
  if (OVERFLOWING.has(node.op) && handle !== undefined)
    node.handle = (...operands) => {
      const number = handle(...operands);
      if (Number.isFinite(number)) return number;
      throw new Error(`${node.input.slice(node.start, node.end)} is too great a number`);
    };
  for (const operand of operandsOf(node)) keepFinite(operand);
}

const OPERATORS = new Set('id call || && !_ -_ ?: == != < <= > >= + - * / %'.split(' '));

/** Spellings of other languages and how CEL writes the same; used only for expressions that are invalid anyway. */
const HABITS: [RegExp, string][] = [
  [/\bnot\s+in\b/i, 'write !(a in [1, 2])'],
  [/\bin\s*[({]/i, 'write in [1, 2]'],
  [/\band\b/i, 'write &&'],
  [/\bor\b/i, 'write ||'],
  [/\bnot\b/i, 'write !'],
  [/\bis\b/i, 'write == to compare'],
  [/(?<!&)&(?!&)/, 'write &&'],
  [/(?<!\|)\|(?!\|)/, 'write ||'],
  [/<>|≠|!==/, 'write !='],
  [/===/, 'write =='],
  [/=<|≤/, 'write <='],
  [/=>|≥/, 'write >='],
  [/(?<![=!<>])=(?!=)/, 'write == to compare'],
  [/\d[\d.]*\s*%\s*(?=$|[)&|?:,=!<>\]])/, 'a number has no unit: write 80, not 80%'],
  [/(?<![\w.])\d+(?:\.\d+)?(?!e[+-]?\d|x[\da-f])[a-z]+/i, 'a number has no unit'],
  [/[\w.)]+\s*[<>]=?\s*[\w.(]+\s*[<>]=?/, 'write both: 1 < a && a < 9'],
];
const DECIMAL_COMMA = /\d,\d/;

/**
 * Returns a hint for spellings that other languages use, with how to write it in CEL; undefined where none is found.
 */
function foreignHabit(text: string): string | undefined {
  for (const [habit, right] of HABITS) {
    const found = habit.exec(text);
    if (found) return `has ${JSON.stringify(found[0].trim())} ${placeAt(text, found.index)}: ${right}`;
  }
  const comma = DECIMAL_COMMA.exec(outsideBrackets(text));
  if (!comma) return undefined;
  return `has a comma in a number ${placeAt(text, comma.index + 1)}: write a point, as in 80.5`;
}

/** Blanks out what stands in brackets: it may be a list, whose commas are right. */
function outsideBrackets(text: string): string {
  let depth = 0;
  return text.replace(/./gs, (character) => {
    if ('(['.includes(character)) depth += 1;
    else if (')]'.includes(character)) depth -= 1;
    return depth > 0 ? ' ' : character;
  });
}

/**
 * Refuses everything but numbers: no texts, maps or loops, and lists only on the right of `in`. Turns integer literals
 * into doubles before the types are checked, so that `cpu > 5 / 2` compares with 2.5.
 *
 * @throws ConditionError with the place of what is not allowed
 */
function keepToNumbers(node: Node): void {
  if (node.op === 'value') {
    if (typeof node.args === 'bigint') node.args = Number(node.args);
    if (typeof node.args === 'number' || typeof node.args === 'boolean') return;
  }
  if (node.op === 'in') {
    const [number, list] = operandsOf(node) as [Node, Node];
    keepToNumbers(number);
    const numbers = list.op === 'list' ? operandsOf(list) : [];
    if (numbers.length === 0 || !numbers.every(isConstant))
      throw new ConditionError(`takes a list of numbers after in, such as in [200, 301] ${placeOf(list)}`);
    return;
  }
  if (!OPERATORS.has(node.op)) {
    throw new ConditionError(
      `may hold numbers, metrics, comparisons, in [numbers], + - * / %, && || ! ?: and the functions ` +
        `${CONDITION_FUNCTIONS.map(({ name }) => name).join(', ')}; nothing else ${placeOf(node)}`,
    );
  }
  for (const operand of operandsOf(node)) keepToNumbers(operand);
}

function isConstant(node: Node): boolean {
  if (node.op !== 'value' && node.op !== '-_') return false;
  keepToNumbers(node);
  return constantOf(node) !== undefined;
}

const operandsOf = ({ args }: Node): Node[] =>
  (Array.isArray(args) ? args.flat() : [args]).filter((arg): arg is Node => isNode(arg));

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && 'op' in value && 'args' in value;

/**
 * Refuses a divisor that may be 0, since the condition would be undecided just when it is needed. A divisor is safe
 * when it is a number, `max(x, number over 0)`, `abs` of what is safe, or guarded: `b != 0 && a / b > 1`.
 *
 * @param nonZero expressions known not to be 0 at this place
 * @throws ConditionError
 */
function checkDivisors(node: Node, nonZero: readonly string[]): void {
  const operands = operandsOf(node);
  const [first, second, third] = operands as [Node, Node, Node];
  switch (node.op) {
    case '&&':
      checkDivisors(first, nonZero);
      return checkDivisors(second, [...nonZero, ...nonZeroWhen(true, first)]);
    case '||':
      checkDivisors(first, nonZero);
      return checkDivisors(second, [...nonZero, ...nonZeroWhen(false, first)]);
    case '?:':
      checkDivisors(first, nonZero);
      checkDivisors(second, [...nonZero, ...nonZeroWhen(true, first)]);
      return checkDivisors(third, [...nonZero, ...nonZeroWhen(false, first)]);
    case '/':
    case '%':
      if (!isNonZero(second, nonZero)) {
        const divisor = second.input.slice(second.start, second.end);
        throw new ConditionError(
          constantOf(second) === 0
            ? `divides by 0 ${placeOf(second)}`
            : `divides by ${divisor}, which may be 0 ${placeOf(second)}; write ${divisor} != 0 && before it, or divide by max(${divisor}, 1)`,
        );
      }
  }
  operands.forEach((operand) => checkDivisors(operand, nonZero));
}

function isNonZero(node: Node, nonZero: readonly string[]): boolean {
  const constant = constantOf(node);
  if (constant !== undefined) return constant !== 0;
  if (nonZero.includes(textOf(node))) return true;
  if (node.op === '-_') return isNonZero(operandsOf(node)[0]!, nonZero);
  if (node.op !== 'call') return false;
  const [name] = node.args as [string];
  const operands = operandsOf(node);
  if (name === 'abs') return isNonZero(operands[0]!, nonZero);
  if (name === 'max') return operands.some((operand) => (constantOf(operand) ?? 0) > 0);
  return name === 'min' && operands.some((operand) => (constantOf(operand) ?? 0) < 0);
}

const known = { true: new WeakMap<Node, string[]>(), false: new WeakMap<Node, string[]>() };

/**
 * Returns the expressions that can't be 0 when the node is true, or when it is false. Cached: each part of a long `&&`
 * chain asks this of all parts before it.
 */
function nonZeroWhen(truth: boolean, node: Node): string[] {
  const found = known[`${truth}`].get(node) ?? foundNonZeroWhen(truth, node);
  known[`${truth}`].set(node, found);
  return found;
}

const texts = new WeakMap<Node, string>();

function textOf(node: Node): string {
  const text = texts.get(node) ?? serialize(node as never);
  texts.set(node, text);
  return text;
}

function foundNonZeroWhen(truth: boolean, node: Node): string[] {
  const [a, b] = operandsOf(node) as [Node, Node];
  if (node.op === '!_') return nonZeroWhen(!truth, a);
  if (node.op === 'in') {
    const holdsZero = operandsOf(b).some((number) => constantOf(number) === 0);
    return holdsZero === truth ? [] : [textOf(a)];
  }
  if (node.op === (truth ? '&&' : '||')) return [...nonZeroWhen(truth, a), ...nonZeroWhen(truth, b)];
  const excludesZero = COMPARISONS[node.op];
  if (excludesZero === undefined) return [];
  const [left, right] = [constantOf(a), constantOf(b)];
  if (right !== undefined && excludesZero(0, right) !== truth) return [textOf(a)];
  if (left !== undefined && excludesZero(left, 0) !== truth) return [textOf(b)];
  return [];
}

const COMPARISONS: Record<string, (a: number, b: number) => boolean> = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

function constantOf(node: Node): number | undefined {
  if (node.op === 'value') return typeof node.args === 'number' ? node.args : undefined;
  if (node.op !== '-_') return undefined;
  const constant = constantOf(operandsOf(node)[0]!);
  return constant === undefined ? undefined : -constant;
}

const placeOf = ({ input, start }: Node): string => placeAt(input, start);

/** Formats a position as "(column 5)", with the line where the text has several. */
function placeAt(input: string, start: number): string {
  const before = input.slice(0, start).split('\n');
  const column = `column ${before.at(-1)!.length + 1}`;
  return before.length === 1 ? `(${column})` : `(line ${before.length}, ${column})`;
}

/** Returns the first line of a cel-js message and puts the place, which cel-js marks with a caret below, in words. */
function firstLine(message: string): string {
  const [first, ...rest] = message.split('\n');
  const caret = rest.find((line) => /^[\s|>]*\^/.test(line));
  const source = rest.find((line) => line.includes('|') && line !== caret);
  if (caret === undefined || source === undefined) return first!;
  const line = /(\d+) \|/.exec(source)?.[1] ?? '1';
  const column = Math.max(caret.indexOf('^') - (source.indexOf('|') + 1), 1);
  return `${first} (${line === '1' ? '' : `line ${line}, `}column ${column})`;
}
