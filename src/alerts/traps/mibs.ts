import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../../common/clock';
import { Conflict, InvalidInput, messageOf, NotFound } from '../../common/errors';
import { storable } from '../../common/json';
import { Database } from '../../database/database';
import { setUploadedMibs } from '../../metrics/snmp/object-names';
import { MibError, readMib, type MibModule } from '../../snmp/mib';
import { MibNames } from '../../snmp/mib-names';
import { builtInMibs } from '../../snmp/standard-mibs';
import type { TrapNames } from './trap-rules';

const MAX_MODULES = 500;
const MAX_NAMES = 500_000;
/** Enough to see what is wrong. */
const MAX_SHOWN = 20;

export interface KnownMib {
  name: string;
  builtIn: boolean;
  /** How many OIDs it names. */
  names: number;
  /** Names without an OID: those whose parents are in a module that is missing. */
  unresolved: number;
  /** The parents that are missing, up to 20. */
  missing?: string[];
  /** Definitions that could not be read, or whose OIDs are too long, if there are any. */
  skipped?: number;
  /** Why, of up to 20. */
  skippedBecause?: string[];
  updatedAt?: Date;
}

interface MibRow extends MibModule {
  updatedAt: Date;
}

/** Modules of MIBs: those that net-snmp brings along, and those that people upload. */
@Injectable()
export class Mibs implements TrapNames {
  private revision?: string;
  private names: ReadonlyMap<string, string> | undefined;

  constructor(
    private readonly database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  nameOf(oid: string): string | undefined {
    return this.names?.get(oid);
  }

  /** Reads them again when some were changed. */
  async refresh(): Promise<void> {
    const [row] = await this.database.rows<{ revision: string }>(
      `SELECT count(*) || ' ' || coalesce(max(updated_at)::text, '') AS revision FROM mibs`,
      [],
      'mibs_revision',
    );
    if (this.names !== undefined && row!.revision === this.revision) return;
    this.names = new MibNames([...builtInMibs(), ...(await this.stored())]).names;
    this.revision = row!.revision;
  }

  /** @throws InvalidInput when it is no module or too much, Conflict when there are too many */
  async upload(text: string): Promise<KnownMib> {
    const module = this.read(text);
    if (builtInMibs().some(({ name }) => name === module.name))
      throw new Conflict(`${module.name} is built in`);
    const others = (await this.stored()).filter(({ name }) => name !== module.name);
    const all = new MibNames([...builtInMibs(), ...others, module]);
    if (all.byModule.get(module)!.lacksRoom)
      throw new InvalidInput([{ pointer: '', detail: 'has names whose OIDs take too much room together' }]);
    const { name, definitions, imports, skipped } = module;
    const kept = await this.database.rows(
      `INSERT INTO mibs (name, definitions, imports, skipped, updated_at) SELECT $1, $2, $3, $4, $5
       WHERE (SELECT count(*) < ${MAX_MODULES} AND coalesce(sum(jsonb_array_length(definitions)), 0) + $6 <= ${MAX_NAMES}
         FROM mibs WHERE name <> $1)
       ON CONFLICT (name) DO UPDATE SET definitions = excluded.definitions, imports = excluded.imports,
         skipped = excluded.skipped, updated_at = excluded.updated_at RETURNING name`,
      [
        name,
        JSON.stringify(definitions),
        JSON.stringify(imports),
        JSON.stringify(skipped),
        this.clock.now(),
        definitions.length,
      ],
    );
    if (kept.length === 0)
      throw new Conflict(`at most ${MAX_MODULES} modules with ${MAX_NAMES} names are kept; delete some`);
    // In this process at once: who uploads a MIB goes on with its names.
    setUploadedMibs(await this.stored());
    return (await this.list()).find((one) => one.name === name)!;
  }

  async list(): Promise<KnownMib[]> {
    const stored = await this.stored();
    const all = new MibNames([...builtInMibs(), ...stored]);
    return [
      ...builtInMibs().map((module) => ({ ...shown(module, all), builtIn: true })),
      ...stored.map((module) => ({ ...shown(module, all), builtIn: false, updatedAt: module.updatedAt })),
    ];
  }

  /** @throws NotFound, Conflict when it is built in */
  async remove(name: string): Promise<void> {
    if (builtInMibs().some((module) => module.name === name)) throw new Conflict(`${name} is built in`);
    const gone = await this.database.rows('DELETE FROM mibs WHERE name = $1 RETURNING name', [
      storable(name),
    ]);
    if (gone.length === 0) throw new NotFound('MIB module', name);
  }

  private read(text: string): MibModule {
    try {
      return readMib(text);
    } catch (error) {
      if (!(error instanceof MibError)) throw error;
      throw new InvalidInput([{ pointer: '', detail: messageOf(error) }]);
    }
  }

  private stored(): Promise<MibRow[]> {
    return this.database.rows<MibRow & Record<string, unknown>>(
      'SELECT name, definitions, imports, skipped, updated_at AS "updatedAt" FROM mibs ORDER BY name',
      [],
      'mibs_stored',
    );
  }
}

function shown(module: MibModule, all: MibNames): Omit<KnownMib, 'builtIn'> {
  const { named, unresolved, missing, tooLong } = all.byModule.get(module)!;
  const skipped = [
    ...(module.skipped ?? []),
    ...tooLong.map((name) => ({ name, why: 'has an OID of more than 128 numbers' })),
  ];
  return {
    name: module.name,
    names: named,
    unresolved: unresolved.length,
    ...(missing.length === 0 ? {} : { missing: missing.slice(0, MAX_SHOWN) }),
    ...(skipped.length === 0
      ? {}
      : {
          skipped: skipped.length,
          skippedBecause: skipped.slice(0, MAX_SHOWN).map(({ name, why }) => `${name} ${why}`),
        }),
  };
}
