/** Definition of an OID in a MIB module: a name, the name above it, and the numbers that follow. */
export type MibDefinition = [name: string, parent: string, arcs: number[], kind?: MibKind];

/**
 * Kind of a definition: an object that wraps at 2^32 (`counter32`), or a name inside the value of another that serves
 * only that value (`passing`).
 */
export type MibKind = 'counter32' | 'passing';

export interface MibModule {
  name: string;
  definitions: MibDefinition[];
  /** Names that the module takes from other modules. */
  imports?: [name: string, module: string][];
  /** Definitions that could not be read. */
  skipped?: SkippedDefinition[];
}

export interface SkippedDefinition {
  name: string;
  /** Reason, as the end of a sentence. */
  why: string;
}

/** Text that is no MIB module, or more than one. */
export class MibError extends Error {}

/** Macros that give a name to an OID: RFC 2578 to RFC 2580, and RFC 1212 and RFC 1215 before them. */
const NAMING = new Set([
  'OBJECT',
  'OBJECT-TYPE',
  'OBJECT-IDENTITY',
  'OBJECT-GROUP',
  'MODULE-IDENTITY',
  'MODULE-COMPLIANCE',
  'NOTIFICATION-TYPE',
  'NOTIFICATION-GROUP',
  'AGENT-CAPABILITIES',
  'TRAP-TYPE',
]);
const COUNTERS = new Set(['Counter', 'Counter32']);
/** Tokens: texts, comments, and words. Names may have underscores, and more than one hyphen, as in Net-SNMP. */
const TOKEN = /"[^"]*"|--(?:[^\n-]|-(?!-))*(?:--|(?=\n)|$)|::=|[A-Za-z0-9_][A-Za-z0-9_-]*|\S/g;
const NAME = /^(?!\d+$)[A-Za-z0-9_]/;
const NUMBER = /^\d{1,10}$/;
/** Most characters of a name. RFC 2578, 3.1, allows 64; makers of devices use more. */
const MAX_NAME = 255;
const MAX_DEFINITIONS = 50_000;
const MAX_SKIPPED = 1_000;
/** Most numbers of an OID, RFC 2578, 3.5. */
const MAX_ARCS = 128;
const MAX_ARC = 0xffff_ffff;
/** Most words of a value: 128 numbers with their names and brackets. */
const MAX_WORDS = 4 * MAX_ARCS;

/**
 * Reads the names of OIDs from one MIB module (SMIv1 or SMIv2), in one pass over its words, and ignores the rest. It is
 * more lenient than Net-SNMP, as makers of devices break the letter of SMI. Definitions that can't be read are listed
 * as skipped.
 *
 * @throws MibError
 */
export function readMib(text: string): MibModule {
  return new Reading(wordsOf(text)).module();
}

function wordsOf(text: string): string[] {
  const lines = text.replace(/^(?:\uFEFF|\u00EF\u00BB\u00BF)/, '').replace(/\r\n?/g, '\n');
  return (lines.match(TOKEN) ?? []).filter((word) => !word.startsWith('--') && !word.startsWith('"'));
}

class Reading {
  private readonly definitions: MibDefinition[] = [];
  private readonly inPassing: MibDefinition[] = [];
  private readonly imports = new Map<string, string>();
  private readonly skipped: SkippedDefinition[] = [];
  private at = 0;

  constructor(private readonly words: readonly string[]) {}

  module(): MibModule {
    const name = this.head();
    while (this.at < this.words.length) this.step();
    const parents = new Set(this.definitions.map(([, parent]) => parent));
    const known = new Set(this.definitions.map(([own]) => own));
    return {
      name,
      definitions: [...this.inPassing.filter(([own]) => !known.has(own)), ...this.definitions],
      imports: [...this.imports].filter(([own]) => parents.has(own)),
      skipped: this.skipped.slice(0, MAX_SKIPPED),
    };
  }

  /** Reads `NAME { its OID } DEFINITIONS ::= BEGIN` and returns the name. */
  private head(): string {
    const { words } = this;
    const begin = words.findIndex((word) => word.toUpperCase() === 'DEFINITIONS');
    const last = words[begin - 1] === '}' ? words[words.lastIndexOf('{', begin) - 1] : words[begin - 1];
    if (last === undefined || !NAME.test(last) || last.length > MAX_NAME || words[begin + 1] !== '::=')
      throw new MibError('is no MIB module: it has no "NAME DEFINITIONS ::= BEGIN"');
    if (
      words.some((word, at) => at > begin && word.toUpperCase() === 'DEFINITIONS' && words[at + 1] === '::=')
    )
      throw new MibError('holds several modules; send them one by one');
    this.at = begin + 2;
    return last;
  }

  private step(): void {
    const { words, at } = this;
    const word = words[at]!.toUpperCase();
    if (word === 'IMPORTS') this.takeImports();
    else if (word === 'MACRO' && words[at + 1] === '::=') this.passMacro();
    else if (this.isNaming(word)) this.takeDefinition(words[at - 1]!, word);
    else this.at++;
  }

  private isNaming(word: string): boolean {
    if (!NAMING.has(word) || !NAME.test(this.words[this.at - 1] ?? '')) return false;
    if (word !== 'OBJECT') return true;
    // Not a column of that type in a SEQUENCE, nor the type itself.
    return this.words[this.at + 1]?.toUpperCase() === 'IDENTIFIER' && this.words[this.at + 2] === '::=';
  }

  /** Reads `IMPORTS a, b FROM A-MIB c FROM B-MIB;`. Some modules have no semicolon. */
  private takeImports(): void {
    const { words } = this;
    let names: string[] = [];
    for (this.at++; this.at < words.length && words[this.at] !== ';'; this.at++) {
      const word = words[this.at]!;
      if (word.toUpperCase() === 'FROM') {
        for (const name of names) this.imports.set(name, words[this.at + 1] ?? '');
        names = [];
        this.at++;
      } else if (
        word === '::=' ||
        (names.length > 0 && this.isNaming(word.toUpperCase()) && words[this.at - 1] !== ',')
      ) {
        return;
      } else if (word !== ',') names.push(word);
    }
  }

  private passMacro(): void {
    const end = this.words.indexOf('END', this.at);
    this.at = end < 0 ? this.words.length : end + 1;
  }

  /** Reads a definition, from the macro's name to the value after `::=`. */
  private takeDefinition(name: string, kind: string): void {
    const { words } = this;
    let enterprise: string | undefined;
    let isCounter32 = false;
    for (this.at++; this.at < words.length; this.at++) {
      const word = words[this.at]!;
      if (word === '::=') break;
      // The one before has no value.
      if (this.isNaming(word.toUpperCase())) return this.skip(name, 'has no value');
      if (word.toUpperCase() === 'ENTERPRISE')
        enterprise = words[this.at + 1] === '{' ? words[this.at + 2] : words[this.at + 1];
      if (word.toUpperCase() === 'SYNTAX' && kind === 'OBJECT-TYPE')
        isCounter32 = COUNTERS.has(words[this.at + 1] ?? '');
    }
    const value = words[this.at + 1];
    if (name.length > MAX_NAME)
      return this.skip(`${name.slice(0, MAX_NAME)}…`, `has more than ${MAX_NAME} characters`);
    if (value === '{') this.assign(name, isCounter32);
    else if (kind === 'TRAP-TYPE' && enterprise !== undefined && NUMBER.test(value ?? ''))
      this.keep(trapType(name, enterprise, Number(value)));
    else this.skip(name, 'has no value that can be read');
  }

  /**
   * Reads `{ parent 3 }` or `{ iso org(3) dod(6) 1 }`; names with numbers in it become definitions of the kind
   * `passing`.
   */
  private assign(name: string, isCounter32: boolean): void {
    const value = this.value();
    this.at++;
    const parts = partsOf(value);
    const [parent, ...rest] = parts ?? [];
    const first = parent?.name ?? String(parent?.number ?? '');
    if (parts === undefined || parent === undefined || (parent.name === undefined && !/^[0-2]$/.test(first)))
      return this.skip(name, 'has no value that can be read');
    if (rest.some(({ number }) => number === undefined || number > MAX_ARC))
      return this.skip(name, 'has a number in its value that is none of an OID');
    const arcs = rest.map(({ number }) => number!);
    if (arcs.length > MAX_ARCS) return this.skip(name, `has more than ${MAX_ARCS} numbers`);
    let [from, begin] = [first, 0];
    rest.slice(0, -1).forEach((part, index) => {
      if (part.name === undefined) return;
      this.inPassing.push([part.name, from, arcs.slice(begin, index + 1), 'passing']);
      [from, begin] = [part.name, index + 1];
    });
    this.keep(isCounter32 ? [name, first, arcs, 'counter32'] : [name, first, arcs]);
  }

  /**
   * Returns the words between the braces of a value; none where the braces don't close before something else begins, or
   * within `MAX_WORDS`.
   */
  private value(): string[] {
    const { words } = this;
    const begin = this.at + 2;
    for (let end = begin; end < words.length && end <= begin + MAX_WORDS; end++) {
      if (words[end] === '}') return words.slice(begin, end);
      if (words[end] === '{' || words[end] === '::=') return [];
    }
    return [];
  }

  private keep(definition: MibDefinition): void {
    this.definitions.push(definition);
    if (this.definitions.length + this.inPassing.length > MAX_DEFINITIONS)
      throw new MibError(`has more than ${MAX_DEFINITIONS} names`);
  }

  private skip(name: string, why: string): void {
    this.skipped.push({ name, why });
  }
}

/** Reads the words between the braces of a value as names, numbers, or both; undefined when they are something else. */
function partsOf(words: readonly string[]): { name?: string; number?: number }[] | undefined {
  const parts: { name?: string; number?: number }[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (NUMBER.test(word)) parts.push({ number: Number(word) });
    else if (word === '(' && NUMBER.test(words[at + 1] ?? '') && words[at + 2] === ')') {
      const named = parts.at(-1);
      if (named !== undefined && named.number === undefined) named.number = Number(words[at + 1]);
      else parts.push({ number: Number(words[at + 1]) });
      at += 2;
    } else if (word === '.' && parts.length === 1) parts.pop();
    else if (NAME.test(word) && word.length <= MAX_NAME) parts.push({ name: word });
    else return undefined;
  }
  // `{ parent (3) }`
  const [only] = parts;
  if (parts.length === 1 && only!.name !== undefined && only!.number !== undefined)
    return [{ name: only!.name }, { number: only!.number }];
  return parts;
}

/** Returns the OID that a version 1 trap has in version 2, RFC 3584, 3.1. */
const trapType = (name: string, enterprise: string, number: number): MibDefinition =>
  enterprise === 'snmp' ? [name, 'snmpTraps', [number + 1]] : [name, enterprise, [0, number]];
