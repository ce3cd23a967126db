/** What a MIB module says of OIDs: a name, the name it stands below, and the numbers that follow. */
export type MibDefinition = [name: string, parent: string, arcs: number[]];

export interface MibModule {
  name: string;
  definitions: MibDefinition[];
}

/** Something is no MIB module, or more of it than one. */
export class MibError extends Error {}

/** What gives a name to an OID: RFC 2578 to RFC 2580, and RFC 1212 and RFC 1215 before them. */
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
const TOKEN =
  /"[^"]*"|--(?:[^\n-]|-(?!-))*(?:--|(?=\n)|$)|::=|[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*|\d+|\S/g;
const NAME = /^[a-z][A-Za-z0-9-]*$/;
const MODULE_NAME = /^[A-Z][A-Za-z0-9-]*$/;
const MAX_NAME = 64;
const MAX_DEFINITIONS = 50_000;
/** 128 arcs with their names in brackets. */
const MAX_WORDS = 512;

/**
 * Reads the names of OIDs from one MIB module (SMIv1 or SMIv2), in one pass over its words; what else it says is left out.
 *
 * @throws MibError
 */
export function readMib(text: string): MibModule {
  const words = wordsOf(text);
  const begin = words.indexOf('DEFINITIONS');
  const name = words[begin - 1] === '}' ? words[words.lastIndexOf('{', begin) - 1] : words[begin - 1];
  if (name === undefined || !MODULE_NAME.test(name) || name.length > MAX_NAME || words[begin + 1] !== '::=')
    throw new MibError('is no MIB module: it has no "NAME DEFINITIONS ::= BEGIN"');
  if (words.indexOf('DEFINITIONS', begin + 1) > 0)
    throw new MibError('holds several modules; send them one by one');
  const definitions: MibDefinition[] = [];
  /** The name that is being defined, and the enterprise of a TRAP-TYPE. */
  let named: string | undefined;
  let enterprise: string | undefined;
  for (let at = begin + 2; at < words.length; at++) {
    const word = words[at]!;
    const before = words[at - 1]!;
    if (NAMING.has(word) && NAME.test(before) && before.length <= MAX_NAME) {
      named = before;
      enterprise = undefined;
    } else if (word === 'ENTERPRISE') enterprise = words[at + 1] === '{' ? words[at + 2] : words[at + 1];
    else if (word === '::=' && named !== undefined) {
      const definition =
        words[at + 1] === '{' ? assigned(named, words, at + 2) : trapType(named, enterprise, words[at + 1]);
      if (definition !== undefined) definitions.push(definition);
      if (definitions.length > MAX_DEFINITIONS) throw new MibError(`has more than ${MAX_DEFINITIONS} names`);
      named = undefined;
    }
  }
  return { name, definitions };
}

function wordsOf(text: string): string[] {
  return (text.replaceAll('\r', '').match(TOKEN) ?? []).filter(
    (word) => !word.startsWith('--') && !word.startsWith('"'),
  );
}

/** `{ parent 3 }`, `{ iso org(3) dod(6) 1 }`. */
function assigned(name: string, words: readonly string[], from: number): MibDefinition | undefined {
  const some = words.slice(from, from + MAX_WORDS);
  const end = some.indexOf('}');
  if (end < 0) return undefined;
  const [parent, ...rest] = some.slice(0, end);
  // A name with its number in brackets is its number.
  const arcs = rest.filter((word) => /^\d{1,10}$/.test(word)).map(Number);
  const isKnown = parent !== undefined && (NAME.test(parent) || /^[0-2]$/.test(parent));
  return isKnown && arcs.every((arc) => arc <= 0xffffffff)
    ? [name, parent, rootedArcs(rest, arcs)]
    : undefined;
}

/** The first name may have its number in brackets too: that one is no arc. */
const rootedArcs = (rest: readonly string[], arcs: number[]): number[] =>
  rest[0] === '(' ? arcs.slice(1) : arcs;

/** RFC 3584, 3.1: what a version 1 trap is called in version 2. */
function trapType(
  name: string,
  enterprise: string | undefined,
  number: string | undefined,
): MibDefinition | undefined {
  if (enterprise === undefined || number === undefined || !/^\d{1,10}$/.test(number)) return undefined;
  return enterprise === 'snmp'
    ? [name, 'snmpTraps', [Number(number) + 1]]
    : [name, enterprise, [0, Number(number)]];
}

const ROOTS: Record<string, string> = {
  ccitt: '0',
  iso: '1',
  'joint-iso-ccitt': '2',
  '0': '0',
  '1': '1',
  '2': '2',
};
const MAX_DEPTH = 128;

/**
 * The names of OIDs that modules give, as `MODULE::name`. A parent is looked for in its own module first, then in all others.
 * Of several names of an OID the last module's counts.
 */
export function namesOf(modules: readonly MibModule[]): Map<string, string> {
  const everywhere = new Map(
    modules.flatMap((module) => module.definitions.map((one) => [one[0], { module, one }])),
  );
  const inModule = new Map(
    modules.map((module) => [module, new Map(module.definitions.map((one) => [one[0], { module, one }]))]),
  );
  const oids = new Map<MibDefinition, string | undefined>();
  const oidOf = (module: MibModule, definition: MibDefinition, depth: number): string | undefined => {
    if (oids.has(definition)) return oids.get(definition);
    const [name, parent, arcs] = definition;
    const own = parent === name ? undefined : inModule.get(module)!.get(parent);
    const found = own ?? everywhere.get(parent);
    // A circle ends here.
    oids.set(definition, undefined);
    const base =
      ROOTS[parent] ?? (found && depth < MAX_DEPTH ? oidOf(found.module, found.one, depth + 1) : undefined);
    const oid = base === undefined ? undefined : [base, ...arcs].join('.');
    oids.set(definition, oid);
    return oid;
  };
  const names = new Map<string, string>();
  for (const module of modules) {
    for (const definition of module.definitions) {
      const oid = oidOf(module, definition, 0);
      if (oid !== undefined) names.set(oid, `${module.name}::${definition[0]}`);
    }
  }
  return names;
}
