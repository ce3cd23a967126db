import { join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import { Conflict, InvalidInput, NotFound } from '../common/errors';
import { storable } from '../common/json';
import { parseInTurns } from '../common/json-in-turns';
import { threadTask } from '../common/thread-pool';
import { inTurns } from '../common/turns';
import { recordAudit } from '../database/audit';
import { Database } from '../database/database';
import type { Sql } from '../database/sql-pool';
import { setUploadedMibs } from '../snmp/object-names';
import type { MibModule } from '../snmp/mib';
import { MibNames } from '../snmp/mib-names';
import { builtInMibs } from '../snmp/standard-mibs';
import { mibsRevision, storedMibs } from '../snmp/stored-mibs';
import readMibText, { type ReadMib } from './mib.thread';
import type { TrapNames } from './trap-rules';

const MAX_MODULES = 500;
const MAX_NAMES = 500_000;
/** Most names and reasons that are shown of a module. */
const MAX_SHOWN = 20;
/** Longest text that is read in this thread: it takes some 10 ms at most. */
const SHORT_CHARACTERS = 64 * 1024;
const READ_MS = 15_000;

const readOnThread = threadTask<string, ReadMib>('requests', join(__dirname, 'mib.thread'));

export interface KnownMib {
  name: string;
  builtIn: boolean;
  /** Number of OIDs that the module names. */
  names: number;
  /** Number of names without an OID, because their parents are in a module that is missing. */
  unresolved: number;
  /** Names of missing parents, up to 20. */
  missing?: string[];
  /** Number of definitions that could not be read, or whose OIDs are too long; absent when there are none. */
  skipped?: number;
  /** Reasons for up to 20 of the skipped ones. */
  skippedBecause?: string[];
  updatedAt?: Date;
}

/**
 * MIB modules: those that net-snmp brings along, and those that people upload. Names for traps are held in memory as of
 * the last `refresh`.
 */
@Injectable()
export class Mibs implements TrapNames {
  private revision?: string;
  private names: ReadonlyMap<string, string> | undefined;
  /** Answer of `list`, as of a revision. */
  private shown?: { revision: string; items: Promise<KnownMib[]> };

  constructor(
    private readonly database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  nameOf(oid: string): string | undefined {
    return this.names?.get(oid);
  }

  /** Reads the modules again when some were changed. */
  async refresh(): Promise<void> {
    const revision = await mibsRevision(this.database);
    if (this.names !== undefined && revision === this.revision) return;
    this.names = (await inTurns(MibNames.of([...builtInMibs(), ...(await storedMibs(this.database))]))).names;
    this.revision = revision;
  }

  /**
   * Stores an uploaded module, in place of one of the same name.
   *
   * @throws InvalidInput when it is no module or too much, Conflict when there are too many, TooCostly, Unavailable
   */
  async upload(text: string): Promise<KnownMib> {
    const module = await this.read(text);
    if (builtInMibs().some(({ name }) => name === module.name))
      throw new Conflict(`${module.name} is built in`);
    const others = (await storedMibs(this.database)).filter(({ name }) => name !== module.name);
    const all = await inTurns(MibNames.of([...builtInMibs(), ...others, module]));
    if (all.byModule.get(module)!.lacksRoom)
      throw new InvalidInput([{ pointer: '', detail: 'has names whose OIDs take too much room together' }]);
    const updatedAt = this.clock.now();
    const isKept = await this.database.transaction((sql) => this.keep(sql, module, updatedAt));
    if (!isKept)
      throw new Conflict(`at most ${MAX_MODULES} modules with ${MAX_NAMES} names are kept; delete some`);
    // In this process at once: who uploads a MIB goes on with its names, and others meanwhile with theirs.
    await setUploadedMibs(await storedMibs(this.database));
    return { ...shown(module, all), builtIn: false, updatedAt };
  }

  /** Writes a module, and who uploaded it. @returns false when there is no room for it */
  private async keep(sql: Sql, module: MibModule, updatedAt: Date): Promise<boolean> {
    const { name, definitions, imports, skipped } = module;
    const kept = await sql.rows<{ isNew: boolean }>(
      `INSERT INTO mibs (name, definitions, imports, skipped, updated_at) SELECT $1, $2, $3, $4, $5
       WHERE (SELECT count(*) < ${MAX_MODULES} AND coalesce(sum(jsonb_array_length(definitions)), 0) + $6 <= ${MAX_NAMES}
         FROM mibs WHERE name <> $1)
       ON CONFLICT (name) DO UPDATE SET definitions = excluded.definitions, imports = excluded.imports,
         skipped = excluded.skipped, updated_at = excluded.updated_at RETURNING xmax = 0 AS "isNew"`,
      [
        name,
        JSON.stringify(definitions),
        JSON.stringify(imports),
        JSON.stringify(skipped),
        updatedAt,
        definitions.length,
      ],
    );
    if (kept.length === 0) return false;
    const action = kept[0]!.isNew ? 'create' : 'update';
    const detail = { names: definitions.length };
    await recordAudit(sql, [{ action, object: { type: 'mib', name }, detail }]);
    return true;
  }

  /** Lists all modules. Their names are resolved again only when some were changed. */
  async list(): Promise<KnownMib[]> {
    const revision = await mibsRevision(this.database);
    if (this.shown?.revision !== revision) {
      const items = this.lookThrough();
      this.shown = { revision, items };
      items.catch(() => (this.shown = undefined));
    }
    return this.shown.items;
  }

  private async lookThrough(): Promise<KnownMib[]> {
    const stored = await storedMibs(this.database);
    const all = await inTurns(MibNames.of([...builtInMibs(), ...stored]));
    return [
      ...builtInMibs().map((module) => ({ ...shown(module, all), builtIn: true })),
      ...stored.map((module) => ({ ...shown(module, all), builtIn: false, updatedAt: module.updatedAt })),
    ];
  }

  /**
   * Deletes an uploaded module.
   *
   * @throws NotFound, Conflict when it is built in
   */
  async remove(name: string): Promise<void> {
    if (builtInMibs().some((module) => module.name === name)) throw new Conflict(`${name} is built in`);
    await this.database.transaction(async (sql) => {
      const gone = await sql.rows('DELETE FROM mibs WHERE name = $1 RETURNING name', [storable(name)]);
      if (gone.length === 0) throw new NotFound('MIB module', name);
      await recordAudit(sql, [{ action: 'delete', object: { type: 'mib', name } }]);
    });
  }

  private async read(text: string): Promise<MibModule> {
    const limits = { timeoutMs: READ_MS, bytes: text.length, what: 'the MIB', deed: 'read' } as const;
    const read = text.length <= SHORT_CHARACTERS ? readMibText(text) : await readOnThread(text, limits);
    if ('error' in read) throw new InvalidInput([{ pointer: '', detail: read.error }]);
    return (await parseInTurns(read.json)) as MibModule;
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
