import { parse } from 'secure-json-parse';
import { ERRORS_AT_MOST, InvalidInput, type FieldError } from './errors';
import { DEPTH_AT_MOST, endOfString, Excess, parseInTurns, PIECE_CHARACTERS, tooDeep } from './json-in-turns';
import { step } from './pointer';
import { Turns } from './turns';

/**
 * Escapes that may stand for what PostgreSQL can't hold in a text: NUL and lone surrogates. Surrogate pairs match as
 * well.
 */
const SUSPECT_ESCAPE = /\\u(?:0000|d[89a-f][0-9a-f]{2})/i;
/** NUL, and surrogates without their other half. */
const UNSTORABLE = /\0|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const REPLACEMENT = '\ufffd';

/**
 * Parses JSON from outside. Names that could reach a prototype are refused. Characters that PostgreSQL can't hold
 * become U+FFFD, as in any text that was decoded badly.
 *
 * @throws InvalidInput saying where it stops being JSON
 */
export function readJson(given: Buffer | string): unknown {
  const text = textOf(given);
  return storableIn(text, parsed(text));
}

/** Like `readJson`, in slices: other work gets its turn while a long text is read. */
export function readJsonInTurns(given: Buffer | string): Promise<unknown> {
  return parsedInTurns(textOf(given), storableIn);
}

const textOf = (given: Buffer | string): string =>
  typeof given === 'string' ? given : given.toString('utf8');

const storableIn = (text: string, value: unknown): unknown =>
  SUSPECT_ESCAPE.test(text) ? withStorableTexts(value) : value;

/**
 * Parses JSON and keeps its texts exactly. Characters that PostgreSQL can't hold are refused, as are names that could
 * reach a prototype.
 *
 * @throws InvalidInput saying where
 */
export function exactJson(text: string): unknown {
  const value = parsed(text);
  if (SUSPECT_ESCAPE.test(text)) refuseUnkeepable(value);
  return value;
}

/** Like `exactJson`, in slices: other work gets its turn while a long text is read. */
export async function exactJsonInTurns(text: string): Promise<unknown> {
  const value = await parsedInTurns(text);
  if (!SUSPECT_ESCAPE.test(text)) return value;
  const turns = new Turns();
  const errors: FieldError[] = [];
  for (const _ of unkeepable(value, errors)) await turns.next();
  if (errors.length > 0) throw new InvalidInput(errors);
  return value;
}

/**
 * Checks a value that did not come from JSON.
 *
 * @throws InvalidInput where the value has what `exactJson` refuses
 */
export function refuseUnkeepable(value: unknown): void {
  const errors: FieldError[] = [];
  for (const _ of unkeepable(value, errors));
  if (errors.length > 0) throw new InvalidInput(errors);
}

function parsed(text: string): unknown {
  if (text.trim() === '') throw new InvalidInput([{ pointer: '', detail: 'is empty; send JSON' }]);
  if (isDeeper(text, DEPTH_AT_MOST)) throw refusal(tooDeep(), text);
  try {
    return parse(text) as unknown;
  } catch (error) {
    // What it refuses may be JSON with a name that it won't have: that has a place.
    const value = jsonOf(text);
    if (value !== undefined) refuseUnkeepable(value);
    throw refusal(error as Error, text);
  }
}

/** Like `parsed`, in slices. Errors in a long text give only the position of a character. */
async function parsedInTurns(
  text: string,
  change = (_piece: string, value: unknown): unknown => value,
): Promise<unknown> {
  // Most are short, and go without further promises.
  if (text.length <= PIECE_CHARACTERS) return change(text, parsed(text));
  const parsePiece = (piece: string) => change(piece, piece === text ? parsed(text) : parse(piece));
  try {
    return await parseInTurns(text, parsePiece);
  } catch (error) {
    throw error instanceof SyntaxError ? refusal(error, text) : error;
  }
}

function refusal(error: Error, text: string): InvalidInput {
  const detail =
    error instanceof Excess
      ? error.message
      : `is no JSON: ${storable(withoutExcerpt(error.message, text)).slice(0, 200)}`;
  return new InvalidInput([{ pointer: '', detail }]);
}

/** Pattern of V8's message about a character that fits nowhere, with an excerpt of the text around it. */
const WITH_EXCERPT = /^(Unexpected token .+?), (\.{3})?"(.*)"(?:\.{3})? is not valid JSON$/s;
/** Number of characters before the one that fits nowhere, in an excerpt that does not begin with the text. */
const EXCERPT_BEFORE = 10;

/** Returns V8's message with a place instead of the excerpt, which may be a part of a secret. */
function withoutExcerpt(message: string, text: string): string {
  const [, what, isCut, excerpt = ''] = WITH_EXCERPT.exec(message) ?? [];
  if (what === undefined) return message;
  const place = isCut ? `at position ${text.indexOf(excerpt) + EXCERPT_BEFORE}` : 'near its beginning';
  return `${what} in JSON ${place}`;
}

/** Tells whether brackets are nested deeper than `limit`; skips strings and looks at nothing else. */
function isDeeper(text: string, limit: number): boolean {
  // Most are too short for it.
  if (text.length <= 2 * limit) return false;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at);
    } else if (code === 0x5b || code === 0x7b) {
      if (++depth > limit) return true;
    } else if (code === 0x5d || code === 0x7d) depth--;
  }
  return false;
}

const QUOTE = 0x22;
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/**
 * Adds an error for each part of the document that can't be stored, in order, up to `ERRORS_AT_MOST`; yields now and
 * then.
 */
function* unkeepable(document: unknown, errors: FieldError[]): Generator<void> {
  const open: { holder: Record<string, unknown>; names: Iterator<string | number>; pointer: string }[] = [];
  const look = (value: unknown, pointer: string) => {
    if (typeof value === 'string' && !isStorable(value)) errors.push({ pointer, detail: `holds ${UNKEPT}` });
    if (typeof value !== 'object' || value === null) return;
    const names = Array.isArray(value) ? value.keys() : Object.keys(value).values();
    open.push({ holder: value as Record<string, unknown>, names, pointer });
  };
  look(document, '');
  for (let count = 1; open.length > 0 && errors.length < ERRORS_AT_MOST; count++) {
    if (count % LOOKED_AT_ONCE === 0) yield;
    const { holder, names, pointer } = open.at(-1)!;
    const next = names.next();
    if (next.done) {
      open.pop();
      continue;
    }
    const name = String(next.value);
    const inner = holder[name];
    const here = pointer + step(storable(name));
    if (!isStorable(name)) errors.push({ pointer: here, detail: `has a name with ${UNKEPT}` });
    else if (reachesPrototype(name, inner))
      errors.push({ pointer: here, detail: 'is no name that is taken' });
    else look(inner, here);
  }
}

const LOOKED_AT_ONCE = 1_000;

const reachesPrototype = (name: string, value: unknown): boolean =>
  name === '__proto__' || (name === 'constructor' && isObject(value) && Object.hasOwn(value, 'prototype'));

const UNKEPT = 'a NUL or half of a surrogate pair, which can not be stored';
const isStorable = (text: string): boolean => text.search(UNSTORABLE) < 0;

/** Like `readJson`, but returns undefined when it is no JSON. */
export function jsonIn(given: Buffer | string): unknown {
  try {
    return readJson(given);
  } catch {
    return undefined;
  }
}

/** Returns the text with every character that PostgreSQL can't hold replaced by U+FFFD. */
export const storable = (text: string): string => text.replace(UNSTORABLE, REPLACEMENT);

/** One escape of JSON. */
const ESCAPE = /\\(?:u[0-9a-f]{4}|.)/gi;

/**
 * Returns JSON that PostgreSQL can hold: replaces escaped NULs, and lone surrogates, such as a text that was cut ends
 * in.
 */
export const storableJson = (json: string): string =>
  SUSPECT_ESCAPE.test(json)
    ? json.replace(ESCAPE, (escape) => (SUSPECT_ESCAPE.test(escape) ? REPLACEMENT : escape))
    : json;

function withStorableTexts(value: unknown): unknown {
  if (typeof value === 'string') return storable(value);
  if (Array.isArray(value)) return value.map(withStorableTexts);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [storable(key), withStorableTexts(inner)]),
  );
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
