import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../../common/clock';
import { Conflict, InvalidInput, messageOf, NotFound } from '../../common/errors';
import { storable } from '../../common/json';
import { Database } from '../../database/database';
import { MibError, namesOf, readMib, type MibModule } from './mib';
import type { TrapNames } from './trap-rules';

const MAX_MODULES = 500;

export interface KnownMib {
  name: string;
  builtIn: boolean;
  /** How many OIDs it names; those whose parents are in a module that is missing have none. */
  names: number;
  unresolved: number;
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
    this.names = namesOf([...builtIn(), ...(await this.stored())]);
    this.revision = row!.revision;
  }

  /** @throws InvalidInput when it is no module, Conflict when there are too many */
  async upload(text: string): Promise<KnownMib> {
    const module = this.read(text);
    if (builtIn().some(({ name }) => name === module.name)) throw new Conflict(`${module.name} is built in`);
    const kept = await this.database.rows(
      `INSERT INTO mibs (name, definitions, updated_at) SELECT $1, $2, $3
       WHERE (SELECT count(*) FROM mibs WHERE name <> $1) < ${MAX_MODULES}
       ON CONFLICT (name) DO UPDATE SET definitions = excluded.definitions, updated_at = excluded.updated_at RETURNING name`,
      [module.name, JSON.stringify(module.definitions), this.clock.now()],
    );
    if (kept.length === 0) throw new Conflict(`at most ${MAX_MODULES} modules are kept; delete some`);
    return (await this.list()).find(({ name }) => name === module.name)!;
  }

  async list(): Promise<KnownMib[]> {
    const stored = await this.stored();
    const names = new Set(namesOf([...builtIn(), ...stored]).values());
    const shown = ({ name, definitions }: MibModule) => {
      const named = definitions.filter(([one]) => names.has(`${name}::${one}`)).length;
      return { name, names: named, unresolved: definitions.length - named };
    };
    return [
      ...builtIn().map((module) => ({ ...shown(module), builtIn: true })),
      ...stored.map((module) => ({ ...shown(module), builtIn: false, updatedAt: module.updatedAt })),
    ];
  }

  /** @throws NotFound, Conflict when it is built in */
  async remove(name: string): Promise<void> {
    if (builtIn().some((module) => module.name === name)) throw new Conflict(`${name} is built in`);
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
      'SELECT name, definitions, updated_at AS "updatedAt" FROM mibs ORDER BY name',
      [],
      'mibs_stored',
    );
  }
}

let standard: MibModule[] | undefined;

/** Read once, when they are first asked for. SMIv1's come first: of two names of an OID the later one counts. */
function builtIn(): readonly MibModule[] {
  if (standard === undefined) {
    const folder = join(dirname(require.resolve('net-snmp')), 'lib', 'mibs');
    const files = readdirSync(folder).filter((file) => file.endsWith('.mib'));
    const isOld = (file: string) => Number(file.startsWith('RFC'));
    files.sort((a, b) => isOld(b) - isOld(a) || (a < b ? -1 : 1));
    const texts = files.map((file) => readFileSync(join(folder, file), 'latin1'));
    standard = texts.map(readMib);
  }
  return standard;
}
