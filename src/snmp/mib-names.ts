import type { MibDefinition, MibModule } from './mib';

const ROOTS: Record<string, string> = {
  ccitt: '0',
  iso: '1',
  'joint-iso-ccitt': '2',
  '0': '0',
  '1': '1',
  '2': '2',
};
/** Most numbers of an OID, RFC 2578, 3.5. */
const MAX_ARCS = 128;
/**
 * Most names on the way up from a name. A name may stand for another without a number of its own, so the limit on
 * numbers is not enough.
 */
const MAX_DEPTH = 256;
/**
 * Most characters of the OIDs of one module, and of all modules. The largest that makers have published take a tenth.
 */
const MAX_MODULE_CHARACTERS = 8_000_000;
const MAX_CHARACTERS = 64_000_000;

/** Result of resolving a module's names. */
export interface ModuleNames {
  /** Number of names that have an OID. */
  named: number;
  /** Names without an OID, as a name above them is in no known module. */
  unresolved: string[];
  /** Names above them that no known module defines. */
  missing: string[];
  /** Names whose OIDs have more than 128 numbers. */
  tooLong: string[];
  /** Whether some names were left out, as there are too many. */
  lacksRoom: boolean;
}

interface Found {
  module: MibModule;
  definition: MibDefinition;
}

type Place = { oid: string; arcs: number } | 'unresolved' | 'too long';

/** Names that MIB modules give to OIDs. When several names have the same OID, the last module's counts. */
export class MibNames {
  /** Names by OID, as `MODULE::name`. */
  readonly names = new Map<string, string>();
  /** OIDs by `MODULE::name`, and by `name` alone: then of the first module that has it. */
  readonly oids = new Map<string, string>();
  /** OIDs of objects that are Counter32. */
  readonly counters = new Set<string>();
  readonly byModule = new Map<MibModule, ModuleNames>();
  private readonly everywhere = new Map<string, Found>();
  private readonly inModule = new Map<string, Map<string, Found>>();
  private readonly imports = new Map<MibModule, ReadonlyMap<string, string>>();
  private readonly places = new Map<MibDefinition, Place>();
  private readonly lowest = new Map<MibDefinition, string>();
  private characters = 0;

  constructor(modules: readonly MibModule[]) {
    for (const _ of this.take(modules));
  }

  /** Builds the names in steps, as many of them take long. */
  static *of(modules: readonly MibModule[]): Generator<void, MibNames> {
    const names = new MibNames([]);
    yield* names.take(modules);
    return names;
  }

  private *take(modules: readonly MibModule[]): Generator<void, void> {
    for (const module of modules) {
      const own = new Map<string, Found>();
      this.inModule.set(module.name, own);
      this.imports.set(module, new Map(module.imports));
      for (const definition of module.definitions) {
        yield;
        own.set(definition[0], { module, definition });
      }
      for (const [name, found] of own) {
        yield;
        if (found.definition[3] !== 'passing' || !this.everywhere.has(name)) this.everywhere.set(name, found);
      }
    }
    for (const module of modules) this.byModule.set(module, yield* this.named(module));
  }

  private *named(module: MibModule): Generator<void, ModuleNames> {
    const made: ModuleNames = { named: 0, unresolved: [], missing: [], tooLong: [], lacksRoom: false };
    const missing = new Set<string>();
    const room = Math.min(this.characters + MAX_MODULE_CHARACTERS, MAX_CHARACTERS);
    for (const definition of module.definitions) {
      yield;
      const [name, , , kind] = definition;
      const place = this.placeOf({ module, definition }, 0);
      if (kind === 'passing') {
        if (typeof place !== 'string') this.oids.set(`${module.name}::${name}`, place.oid);
      } else if (place === 'unresolved') {
        made.unresolved.push(name);
        missing.add(this.missingAbove({ module, definition }));
      } else if (place === 'too long') made.tooLong.push(name);
      else if (this.characters + place.oid.length > room) made.lacksRoom = true;
      else {
        made.named++;
        this.characters += place.oid.length;
        this.add(module.name, definition, place.oid);
      }
    }
    return { ...made, missing: [...missing] };
  }

  private add(module: string, [name, , , kind]: MibDefinition, oid: string): void {
    const whole = `${module}::${name}`;
    this.names.set(oid, whole);
    this.oids.set(whole, oid);
    if (!this.oids.has(name)) this.oids.set(name, oid);
    if (kind === 'counter32') this.counters.add(oid);
  }

  private placeOf(found: Found, depth: number): Place {
    const { definition } = found;
    const known = this.places.get(definition);
    if (known !== undefined) return known;
    // A circle ends here.
    this.places.set(definition, 'unresolved');
    const [, parent, arcs] = definition;
    const above = this.above(found);
    const root = above === undefined ? ROOTS[parent] : undefined;
    let base: Place = 'unresolved';
    if (root !== undefined) base = { oid: root, arcs: 1 };
    else if (above !== undefined && depth < MAX_DEPTH) base = this.placeOf(above, depth + 1);
    const place = typeof base === 'string' ? base : below(base, arcs);
    this.places.set(definition, place);
    return place;
  }

  /** Returns the definition above this one: of its own module, else of the module it imports from, else of any. */
  private above({ module, definition: [name, parent] }: Found): Found | undefined {
    const own = parent === name ? undefined : this.inModule.get(module.name)?.get(parent);
    if (own !== undefined) return own;
    if (parent in ROOTS) return undefined;
    const from = this.imports.get(module)?.get(parent);
    const imported = from === undefined ? undefined : this.inModule.get(from)?.get(parent);
    const found = imported ?? this.everywhere.get(parent);
    return found?.definition[0] === name && found.module === module ? undefined : found;
  }

  /**
   * Returns the missing name above a definition. The answer is kept for each definition on the way, as thousands may
   * stand below one missing name.
   */
  private missingAbove(found: Found): string {
    const way: MibDefinition[] = [];
    let missing: string | undefined;
    for (
      let one: Found | undefined = found;
      one !== undefined && way.length < MAX_DEPTH;
      one = this.above(one)
    ) {
      const { definition } = one;
      missing = this.lowest.get(definition) ?? definition[1];
      if (this.lowest.has(definition)) break;
      way.push(definition);
    }
    for (const definition of way) this.lowest.set(definition, missing!);
    return missing!;
  }
}

function below({ oid, arcs }: Exclude<Place, string>, more: readonly number[]): Place {
  if (arcs + more.length > MAX_ARCS) return 'too long';
  return { oid: more.length === 0 ? oid : `${oid}.${more.join('.')}`, arcs: arcs + more.length };
}
