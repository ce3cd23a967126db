import {
  Environment,
  EvaluationError,
  type ParseError,
  type TypeError as CelTypeError,
} from '@marcbachmann/cel-js';
import type { Values } from './types';

/** What an expression may not exceed; cel-js counts while it parses. */
const LIMITS = {
  maxAstNodes: 2_000,
  maxDepth: 100,
  maxListElements: 100,
  maxMapEntries: 100,
  maxCallArguments: 20,
};
export const MAX_CONDITION_LENGTH = 4_000;

/** A metric's name is a CEL identifier. */
export const METRIC_NAME = /^[A-Za-z][A-Za-z0-9_]{0,62}$/;

const RESERVED = new Set(
  (
    'true false null in as break const continue else for function if import let loop package namespace return var ' +
    'void while int uint double bool string bytes list map type null_type'
  ).split(' '),
);

export const isMetricName = (name: string): boolean => METRIC_NAME.test(name) && !RESERVED.has(name);

/** What a condition says over the values at hand: decided, or left open, and by what. */
export type Verdict = { truth: boolean } | { truth?: undefined; because: string };

export type Condition = (values: Values) => Verdict;

/** The mistake in an expression, with its place. */
export class ConditionError extends Error {}

/** Thousands of services say the same thing of their metrics: it is compiled once. */
const compiled = new Map<string, Condition>();
const MAX_COMPILED = 20_000;

/**
 * A CEL expression over metrics, compiled. Every metric is a double; whole numbers in the text count as doubles, so
 * that `cpu + 1 > 80` is what it looks like. A missing metric is a variable left out: CEL's `||` and `&&` then decide
 * what the others decide alone.
 *
 * @throws ConditionError when it does not parse, names what is not there, or is not boolean
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
  const condition = evaluator(parse(text, environment(metrics)));
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
      if (error instanceof EvaluationError) return { because: firstLine(error.message) };
      throw error;
    }
  };
}

function environment(metrics: readonly string[]): Environment {
  const env = new Environment({ limits: LIMITS });
  for (const operator of ['+', '-', '*', '/'] as const) {
    const apply = ARITHMETIC[operator];
    env.registerOperator(`double ${operator} int: double`, (a: number, b: bigint) => apply(a, Number(b)));
    env.registerOperator(`int ${operator} double: double`, (a: bigint, b: number) => apply(Number(a), b));
  }
  env.registerOperator('double == int', (a: number, b: bigint) => a === Number(b));
  for (const name of metrics) env.registerVariable(name, 'double');
  return env;
}

const ARITHMETIC = {
  '+': (a: number, b: number) => a + b,
  '-': (a: number, b: number) => a - b,
  '*': (a: number, b: number) => a * b,
  '/': (a: number, b: number) => a / b,
};

function parse(text: string, env: Environment): (values: Values) => unknown {
  let program;
  try {
    program = env.parse(text);
  } catch (error) {
    throw new ConditionError(`does not parse: ${firstLine((error as ParseError).message)}`);
  }
  const { valid, type, error } = program.check() as { valid: boolean; type?: string; error?: CelTypeError };
  if (!valid) throw new ConditionError(firstLine(error!.message));
  if (type !== 'bool')
    throw new ConditionError(`must be true or false, but is ${type}; compare it with something`);
  return program;
}

/** cel-js shows the place below the message, by a caret; here the message says it in words. */
function firstLine(message: string): string {
  const [first, ...rest] = message.split('\n');
  const caret = rest.find((line) => /^[\s|>]*\^/.test(line));
  const source = rest.find((line) => line.includes('|') && line !== caret);
  if (caret === undefined || source === undefined) return first!;
  const line = /(\d+) \|/.exec(source)?.[1] ?? '1';
  const column = Math.max(caret.indexOf('^') - (source.indexOf('|') + 1), 1);
  return `${first} (${line === '1' ? '' : `line ${line}, `}column ${column})`;
}
