import { parse } from 'secure-json-parse';
import { put } from './records';
import { Turns } from './turns';

/** What is shorter is parsed at once: that takes some 5 ms at most, whatever it holds. */
const PIECE_CHARACTERS = 64 * 1024;
/** Of lists and objects in each other: what is deeper is no document, and who walks it runs out of stack. */
export const DEPTH_AT_MOST = 200;
const LOOK_EVERY = 16 * 1024;

/** Of one object: whoever lists the names of a larger one takes long. */
const NAMES_AT_MOST = 20_000;

/** It may be JSON, but is more than is taken. */
export class Excess extends SyntaxError {}

export const tooDeep = (): Excess => new Excess(`is nested deeper than ${DEPTH_AT_MOST}`);

/** Parses a whole text. */
type ParsePiece = (text: string) => unknown;

/**
 * JSON in slices, between which others have their turn: 8 MB of it take up to a second. Only its structure is looked
 * for here; pieces of members are parsed by the engine, and what is wrong with them is found there.
 *
 * @throws SyntaxError, whatever `parsePiece` throws
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

/** An array or object that is open where the text is read. Its members are parsed in pieces, as they come. */
class Container {
  /** Some of it has been parsed. */
  isBegun = false;
  private readonly items: unknown[] = [];
  private readonly fields: Record<string, unknown> = {};
  private names = 0;
  /** Where what is not parsed begins, and in it the member that is read now. */
  private restFrom: number;
  private memberFrom: number;
  /** The last member was a long one: it has been taken, and a comma or the end must follow. */
  private isAfterLong = false;

  constructor(
    private readonly text: string,
    readonly from: number,
    readonly isArray: boolean,
    private readonly parsePiece: ParsePiece,
  ) {
    this.restFrom = this.memberFrom = from + 1;
  }

  /** @returns whether there was something to parse */
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

  /** A member, from its value's first character to its last, that was parsed on its own. */
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

  /** Parses the members from where the last piece ended. */
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

  /** A mistake is told by its place in the whole. */
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

/** The quote that ends the string which begins there; the end of the text when none does. */
export function endOfString(text: string, from: number): number {
  for (let at = text.indexOf('"', from + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (text[at - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return at;
  }
  return text.length;
}

const unexpected = (text: string, at: number): SyntaxError =>
  new SyntaxError(`Unexpected ${JSON.stringify(text.slice(at, at + 10))} in JSON at position ${at}`);
