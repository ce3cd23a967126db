import { parse } from 'secure-json-parse';
import { put } from './records';
import { Turns } from './turns';

/** Longest text that is parsed at once, characters: that takes some 5 ms at most, whatever it holds. */
export const PIECE_CHARACTERS = 64 * 1024;
/**
 * Deepest nesting of lists and objects that is taken: code that recurses into a deeper document would run out of stack.
 */
export const DEPTH_AT_MOST = 200;
const LOOK_EVERY = 16 * 1024;

/** Largest number of names in one object: listing the names of a larger one is slow. */
const NAMES_AT_MOST = 20_000;

/** Text that may be JSON, but is above a limit. */
export class Excess extends SyntaxError {}

export const tooDeep = (): Excess => new Excess(`is nested deeper than ${DEPTH_AT_MOST}`);

/** Function that parses a whole text. */
type ParsePiece = (text: string) => unknown;

/**
 * Parses JSON in slices, between which other work gets its turn: 8 MB of JSON take up to a second. Only the structure
 * is looked for here; pieces with whole members are parsed by `parsePiece`, which also finds what is wrong inside them.
 *
 * @throws SyntaxError, or whatever `parsePiece` throws
 */
export async function parseInTurns(text: string, parsePiece: ParsePiece = parse): Promise<unknown> {
  if (text.length <= PIECE_CHARACTERS) return parsePiece(text);
  const turns = new Turns();
  const open: Container[] = [];
  let lookAt = LOOK_EVERY;
  for (let at = 0; at < text.length; at++) {
    if (at >= lookAt) {
      lookAt = at + LOOK_EVERY;
      await turns.next();
    }
    const character = text[at];
    if (character === '"') at = endOfString(text, at);
    else if (character === '[' || character === '{') {
      if (open.length === 0 && text.slice(0, at).trim() !== '') throw unexpected(text, at);
      if (open.length === DEPTH_AT_MOST) throw tooDeep();
      open.push(new Container(text, at, character === '[', parsePiece));
    } else if (character === ',') {
      if (open.length === 0) throw unexpected(text, at);
      if (open.at(-1)!.comma(at)) await turns.next();
    } else if (character === ']' || character === '}') {
      const inner = open.pop();
      if (inner === undefined || inner.isArray !== (character === ']')) throw unexpected(text, at);
      const outer = open.at(-1);
      // What is short is parsed with what is around it.
      if (outer !== undefined && !inner.isBegun && at - inner.from < PIECE_CHARACTERS) continue;
      const value = inner.end(at);
      if (outer !== undefined) outer.takeLong(inner.from, at, value);
      else if (text.slice(at + 1).trim() === '') return value;
      else throw unexpected(text, at + 1);
    }
  }
  if (open.length > 0) throw new SyntaxError('Unexpected end of JSON input');
  return parsePiece(text);
}

/** Array or object whose end has not been reached yet. Its members are parsed in pieces as the text is read. */
class Container {
  /** True once some of its members have been parsed. */
  isBegun = false;
  private readonly items: unknown[] = [];
  private readonly fields: Record<string, unknown> = {};
  private names = 0;
  /** Offset at which the unparsed rest begins; `memberFrom` is where the current member begins. */
  private restFrom: number;
  private memberFrom: number;
  /** True when the last member was parsed on its own: a comma or the end must follow. */
  private isAfterLong = false;

  constructor(
    private readonly text: string,
    readonly from: number,
    readonly isArray: boolean,
    private readonly parsePiece: ParsePiece,
  ) {
    this.restFrom = this.memberFrom = from + 1;
  }

  /**
   * Takes note of a comma, and parses the rest if it has become long.
   *
   * @returns whether it parsed something
   */
  comma(at: number): boolean {
    const isLong = at - this.restFrom >= PIECE_CHARACTERS;
    if (this.isAfterLong) this.refuseRest(at);
    else if (isLong) this.take(at);
    this.memberFrom = at + 1;
    if (this.isAfterLong || isLong) this.restFrom = at + 1;
    this.isAfterLong = false;
    return isLong;
  }

  end(at: number): unknown {
    if (this.isAfterLong) this.refuseRest(at);
    else if (this.isBegun || this.text.slice(this.restFrom, at).trim() !== '') this.take(at);
    return this.isArray ? this.items : this.fields;
  }

  /**
   * Takes a member whose value was parsed on its own.
   *
   * @param from place of the value's first character
   * @param to place of its last character
   */
  takeLong(from: number, to: number, value: unknown): void {
    if (this.isAfterLong) throw unexpected(this.text, from);
    if (this.memberFrom > this.restFrom) this.take(this.memberFrom - 1);
    const before = this.text.slice(this.memberFrom, from);
    if (this.isArray) {
      if (before.trim() !== '') throw unexpected(this.text, this.memberFrom);
      this.items.push(value);
    } else {
      const [name, ...others] = Object.keys(this.parsed(`{${before}null}`, this.memberFrom) as object);
      if (name === undefined || others.length > 0) throw unexpected(this.text, this.memberFrom);
      if (name === 'constructor' && Object.hasOwn(value as object, 'prototype'))
        throw new SyntaxError('Object contains forbidden prototype property');
      this.put(name, value);
    }
    this.isBegun = true;
    this.isAfterLong = true;
    this.restFrom = this.memberFrom = to + 1;
  }

  /** Parses the members from the end of the last piece to `to`. */
  private take(to: number): void {
    const piece = this.text.slice(this.restFrom, to);
    if (piece.trim() === '') throw unexpected(this.text, to);
    if (this.isArray) {
      for (const item of this.parsed(`[${piece}]`, this.restFrom) as unknown[]) this.items.push(item);
    } else {
      const fields = this.parsed(`{${piece}}`, this.restFrom) as Record<string, unknown>;
      for (const name of Object.keys(fields)) this.put(name, fields[name]);
    }
    this.isBegun = true;
  }

  private put(name: string, value: unknown): void {
    if (++this.names > NAMES_AT_MOST) throw new Excess(`has an object of more than ${NAMES_AT_MOST} names`);
    put(this.fields, name, value);
  }

  private refuseRest(to: number): void {
    if (this.text.slice(this.restFrom, to).trim() !== '') throw unexpected(this.text, this.restFrom);
  }

  /** Parses a piece; the position in an error message becomes that in the whole text. */
  private parsed(piece: string, from: number): unknown {
    try {
      return this.parsePiece(piece);
    } catch (error) {
      if (error instanceof SyntaxError)
        error.message = error.message.replace(
          /position (\d+)/,
          (_, at) => `position ${Number(at) - 1 + from}`,
        );
      throw error;
    }
  }
}

/** Returns the place of the quote that ends the string beginning at `from`; the length of the text when none does. */
export function endOfString(text: string, from: number): number {
  for (let at = text.indexOf('"', from + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (text[at - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return at;
  }
  return text.length;
}

const unexpected = (text: string, at: number): SyntaxError =>
  new SyntaxError(`Unexpected ${JSON.stringify(text.slice(at, at + 1))} in JSON at position ${at}`);
