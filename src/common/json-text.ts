import { Turns } from './turns';

/** Approximate size of the parts that are handed on, characters. */
const PART_CHARACTERS = 64 * 1024;

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !('toJSON' in value);

/**
 * Tells whether a value is, or has as one of its fields, a list of more than one item, which may take long to write.
 */
export const hasList = (value: unknown): value is object =>
  isObject(value) && (isLong(value) || (!Array.isArray(value) && Object.values(value).some(isLong)));

const isLong = (value: unknown): boolean => Array.isArray(value) && value.length > 1;

/**
 * Yields `JSON.stringify` of an object or a list in parts. Items of a list, or of a list in a field, are written one by
 * one, and other work gets its turn between them.
 */
export async function* jsonParts(value: object): AsyncGenerator<string, void> {
  const turns = new Turns();
  let part = '';
  for (const piece of piecesOf(value)) {
    part += piece;
    if (part.length >= PART_CHARACTERS) {
      yield part;
      part = '';
    }
    await turns.next();
  }
  if (part !== '') yield part;
}

/** Returns `JSON.stringify` of an object or a list, written in slices. */
export async function jsonInTurns(value: object): Promise<string> {
  const parts: string[] = [];
  for await (const part of jsonParts(value)) parts.push(part);
  return parts.join('');
}

function* piecesOf(value: object): Generator<string, void> {
  if (Array.isArray(value)) return yield* piecesOfList(value);
  let before = '{';
  for (const [name, field] of Object.entries(value) as [string, unknown][]) {
    const isList = Array.isArray(field);
    const text = isList ? '' : JSON.stringify(field);
    // What JSON has no words for is left out.
    if (text === undefined) continue;
    yield `${before}${JSON.stringify(name)}:${text}`;
    if (isList) yield* piecesOfList(field);
    before = ',';
  }
  yield before === '{' ? '{}' : '}';
}

function* piecesOfList(items: readonly unknown[]): Generator<string, void> {
  let before = '[';
  for (const item of items) {
    yield before + (JSON.stringify(item) ?? 'null');
    before = ',';
  }
  yield before === '[' ? '[]' : ']';
}
