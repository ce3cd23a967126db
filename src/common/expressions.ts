/** Regular expressions that users write: RE2, matched in linear time, compiled once. */
import { RE2JS } from 're2js';
import { keepNewest } from './newest';

/** Longest expression, characters. */
const CHARACTERS_AT_MOST = 1_000;
/**
 * Largest size of a compiled expression, in RE2 instructions with repetitions written out: each may be tried on each
 * character.
 */
const SIZE_AT_MOST = 1_500;
/**
 * Largest estimated size of an expression that is compiled at all: compiling a larger one only to learn its size would
 * be slow.
 */
const WRITTEN_OUT_AT_MOST = 10_000;
const KEPT_AT_MOST = 1_000;

type Compiled = { expression: RE2JS } | { error: Error };

/** Compiled expressions by their text. Errors are kept as well, since finding them takes as long. */
const kept = new Map<string, Compiled>();

/**
 * Returns the compiled expression.
 *
 * @throws Error saying why the text is no expression
 */
export function expressionOf(text: string): RE2JS {
  const compiled = kept.get(text) ?? keep(text);
  if ('error' in compiled) throw compiled.error;
  return compiled.expression;
}

function keep(text: string): Compiled {
  const compiled = compile(text);
  keepNewest(kept, text, compiled, KEPT_AT_MOST);
  return compiled;
}

function compile(text: string): Compiled {
  if (text.length > CHARACTERS_AT_MOST)
    return { error: new Error(`must have at most ${CHARACTERS_AT_MOST} characters`) };
  const size = writtenOut(text);
  if (size > WRITTEN_OUT_AT_MOST) return { error: new Error(tooLarge(size)) };
  try {
    return { expression: RE2JS.compile(text) };
  } catch (error) {
    return { error: new Error(`is not a valid RE2 expression: ${(error as Error).message}`) };
  }
}

/** Returns why a text is no valid expression, as the end of a sentence; undefined when it is one. */
export function expressionProblem(text: string): string | undefined {
  const compiled = compile(text);
  return 'error' in compiled ? compiled.error.message : sizeProblem(compiled.expression);
}

/** Returns why an expression is too large; undefined when it is not. */
export function sizeProblem(expression: RE2JS): string | undefined {
  const size = expression.programSize();
  return size > SIZE_AT_MOST ? tooLarge(size) : undefined;
}

const tooLarge = (size: number): string =>
  `is too large: with its repetitions written out it has ${size} parts, and may have ${SIZE_AT_MOST}`;

/** Next piece of an expression: an escape, a class, a repetition, or any other character. */
const PIECE = /\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{(\d+)(?:,(\d*))?\}|[^]/g;

/** Estimates how many parts an expression has once its repetitions are written out. */
function writtenOut(text: string): number {
  const groups = [{ size: 0, last: 0 }];
  for (const [piece, least, most] of text.matchAll(PIECE)) {
    const group = groups.at(-1)!;
    let last = 1;
    if (piece === '(') {
      groups.push({ size: 0, last: 0 });
      continue;
    }
    if (least !== undefined) last = group.last * Math.max(0, Number(most || least) - 1);
    if (piece === ')' && groups.length > 1) last = groups.pop()!.size;
    const outer = groups.at(-1)!;
    outer.size += last;
    if (least === undefined) outer.last = last;
  }
  return groups.reduce((sum, { size }) => sum + size, 0);
}
