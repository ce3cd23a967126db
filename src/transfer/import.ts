import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { isUnchanged, type Draft, type References } from '../api/stored-definitions';
import { collect } from '../common/check';
import { Conflict, InvalidInput, VersionMismatch, type FieldError } from '../common/errors';
import { newId } from '../common/ids';
import { Turns } from '../common/turns';
import { Database } from '../database/database';
import { changeDefinitions, tried, type Work } from '../database/definitions';
import { managedWords, managersOf, mayChange } from '../database/managed';
import { namedAction } from '../contacts/contacts';
import type { DefinitionRow, ServiceRow } from '../database/entities';
import { namedActions, namedServices } from '../services/service.dto';
import {
  isObject,
  SECTION_NAMES,
  SECTIONS,
  type Entries,
  type Entry,
  type Kind,
  type Section,
} from './document';
import { Ownership, type Owner, type Pruned } from './ownership';
import { Rooms } from './rooms';

/** Result of an import, or what it would be. */
export interface Plan {
  dryRun: boolean;
  /** Created definitions; a new source's token is shown here, once. */
  created: { kind: Kind; name: string; token?: string }[];
  /** Changed definitions; `changes` are pointers into the definition. */
  updated: { kind: Kind; name: string; changes: string[] }[];
  unchanged: { kind: Kind; name: string }[];
  errors: FieldError[];
  /** Definitions that the document no longer has, and that were deleted; where that was asked for. */
  deleted?: Pruned['deleted'];
  /** Definitions that stay, since they are in use. */
  kept?: Pruned['kept'];
  /** Definitions that were left out, since they can't be taken or use one that was left out. */
  skipped?: Skipped[];
  /** Points for a person to look after. */
  notes?: FieldError[];
}

export interface Skipped {
  pointer: string;
  kind: Kind | 'threshold';
  name: string;
  detail: string;
}

export interface ImportOptions {
  dryRun: boolean;
  /** True to leave out wrong definitions and those that use them; else one error refuses the whole document. */
  skip: boolean;
  /** Owner for whom it is imported; undefined for a person, who owns nothing by it. */
  owner?: Owner;
}

const MISTAKES_AT_MOST = 10_000;

type Drafts = Record<Section, Draft<DefinitionRow>[]>;

/** Imports a document of definitions: each is checked as if it came alone, and all are written, or none. */
@Injectable()
export class Import {
  constructor(
    private readonly database: Database,
    private readonly rooms: Rooms,
    private readonly ownership: Ownership,
  ) {}

  /**
   * Imports the definitions of a document.
   *
   * @param errors errors in the document's form
   * @throws InvalidInput, Conflict, VersionMismatch
   */
  async run(entries: Entries, errors: FieldError[], { dryRun, skip, owner }: ImportOptions): Promise<Plan> {
    const { drafts, skipped } = await this.drafted(entries, errors, skip);
    if (errors.length > 0 && !dryRun) throw new InvalidInput(errors);
    if (dryRun) errors.push(...(await this.managedByOthers(entries, drafts)));
    let pruned: Pruned | undefined;
    if (errors.length === 0) {
      try {
        pruned = await this.written(drafts, owner, dryRun);
      } catch (error) {
        if (!dryRun) throw error;
        errors.push(...refusalsIn(error));
      }
    }
    const plan = { ...planOf(drafts, dryRun), errors, ...(skip ? { skipped } : {}) };
    return owner?.prune ? { ...plan, ...(pruned ?? NOTHING_PRUNED) } : plan;
  }

  /** Returns an error for each definition that would change, and that the caller may not change without insisting. */
  private async managedByOthers(entries: Entries, drafts: Drafts): Promise<FieldError[]> {
    const errors: FieldError[] = [];
    for (const section of SECTION_NAMES) {
      const changed = drafts[section].filter((draft) => draft.before !== undefined && !isUnchanged(draft));
      const managers = await managersOf(
        this.database,
        changed.map(({ row }) => row.id),
      );
      const refused = new Set(
        changed.filter(({ row }) => !mayChange(managers.get(row.id))).map(({ row }) => row.name),
      );
      for (const { name, pointer } of refused.size === 0 ? [] : entries[section])
        if (refused.has(name as string))
          errors.push({ pointer, detail: managedWords(SECTIONS[section], name as string) });
    }
    return errors;
  }

  /** Returns the rows that the definitions would become, and writes nothing; errors are added to `errors`. */
  async drafted(entries: Entries, errors: FieldError[], skip = false) {
    const drafts: Drafts = { infrastructures: [], actions: [], services: [], sources: [], contacts: [] };
    const skipped: Skipped[] = [];
    const ids = {
      infrastructures: new Map<string, string>(),
      actions: new Map<string, string>(),
      services: new Map<string, string>(),
    };
    const turns = new Turns();
    const left: LeftOut = { infrastructures: new Set(), actions: new Set(), services: new Set() };
    for (const section of SECTION_NAMES) {
      const room = this.rooms.of[section];
      const before = await this.stored(section, entries[section]);
      const references = beside(await room.references(entries[section].map(({ body }) => body)), ids);
      const seen = new Map<string, string>();
      for (const entry of section === 'services' ? parentsFirst(entries[section]) : entries[section]) {
        await turns.next();
        if (errors.length >= MISTAKES_AT_MOST) return { drafts, skipped };
        const stored = before.get(entry.name);
        const wrong = [
          ...entry.errors,
          ...twice(entry, seen),
          ...(skip ? usesLeftOut(entry, section, left) : []),
        ];
        const found: FieldError[] = [];
        // What is known to be unmappable has no body that could be judged.
        const draft =
          wrong.length > 0 ? undefined : collect(found, () => room.draft(entry.body, references, stored));
        wrong.push(...found.map((error) => entry.place(error)));
        if (draft !== undefined && !isUnchanged(draft)) room.mayWrite(draft);
        if (draft !== undefined) drafts[section].push(draft);
        else if (skip) skipped.push({ ...named(entry), kind: SECTIONS[section], detail: sentence(wrong) });
        else errors.push(...wrong);
        if (typeof entry.name !== 'string' || !isReferred(section)) continue;
        if (draft === undefined && skip) left[section].add(entry.name);
        // Also what is wrong can be named: that it is wrong is said once, where it stands.
        ids[section].set(entry.name, draft?.row.id ?? stored?.id ?? newId());
      }
    }
    return { drafts, skipped };
  }

  private async stored(section: Section, entries: readonly Entry[]): Promise<Map<unknown, DefinitionRow>> {
    const names = entries.map(({ name }) => name).filter((name) => typeof name === 'string');
    const rows = await this.rooms.of[section].store.findMany([...new Set(names)]);
    return new Map(rows.map((row) => [row.name, row]));
  }

  /**
   * Writes drafts, and deletes what their owner no longer has.
   *
   * @param isTried true to undo all of it at the end: some mistakes are seen only when it is written
   */
  private async written(
    drafts: Drafts,
    owner: Owner | undefined,
    isTried: boolean,
  ): Promise<Pruned | undefined> {
    const prunes = owner?.prune === true;
    const kept = new Set(SECTION_NAMES.flatMap((section) => drafts[section].map(({ row }) => row.id)));
    const leaving = prunes ? await this.ownership.leaving(owner.manager, kept) : undefined;
    const leaves = leaving !== undefined && SECTION_NAMES.some((section) => leaving[section].length > 0);
    const changed = Object.fromEntries(
      SECTION_NAMES.map((section) => [section, drafts[section].filter((draft) => !isUnchanged(draft))]),
    ) as Drafts;
    const isStill = SECTION_NAMES.every((section) => changed[section].length === 0);
    if (isStill && !leaves && (owner === undefined || isTried)) return undefined;
    let pruned = NOTHING_PRUNED;
    const work = async (manager: EntityManager) => {
      for (const section of SECTION_NAMES) await this.rooms.of[section].write(manager, changed[section]);
      if (leaves) pruned = await this.ownership.prune(manager, leaving);
      if (isTried || owner === undefined) return;
      await this.ownership.record(manager, owner.manager, drafts);
      const all = SECTION_NAMES.flatMap((section) => changed[section]);
      const created = all.filter(({ before }) => before === undefined).length;
      await owner.alongside?.(manager, { ...pruned, created, updated: all.length - created });
    };
    // Without a change there is no new revision, which all processes would look at.
    // What is tried without deleting need not keep others from their changes.
    const begin = (one: Work<void>) =>
      (isStill || isTried) && !leaves
        ? this.database.entities(one)
        : changeDefinitions(this.database, 'what is imported', one);
    if (isTried) {
      await tried(begin, work);
      return pruned;
    }
    await begin(work);
    await this.rooms.services.saved(changed.services.map(({ row }) => row as ServiceRow));
    return pruned;
  }
}

const NOTHING_PRUNED: Pruned = { deleted: [], kept: [] };

/** Returns what a trial was refused for; throws what is no refusal. */
function refusalsIn(error: unknown): FieldError[] {
  if (error instanceof InvalidInput) return error.errors;
  if (error instanceof Conflict && error.errors.length > 0) return error.errors;
  if (error instanceof Conflict || error instanceof VersionMismatch)
    return [{ pointer: '', detail: error.message }];
  throw error;
}

/** Tells whether definitions of a section can be referred to by others. */
const isReferred = (section: Section): section is Referred =>
  section === 'infrastructures' || section === 'actions' || section === 'services';

/** Sections whose definitions can be referred to by others. */
type Referred = 'infrastructures' | 'actions' | 'services';

type LeftOut = Record<Referred, Set<string>>;

/** Returns the ids of both, where the document's definitions come before stored ones. */
const beside = (stored: References, brought: References): References => ({
  ...stored,
  infrastructures: new Map([...stored.infrastructures, ...brought.infrastructures]),
  actions: new Map([...stored.actions, ...brought.actions]),
  services: new Map([...stored.services, ...brought.services]),
});

/** Returns services in an order in which each comes after those that it depends on; circles stay as they are. */
function parentsFirst(entries: readonly Entry[]): Entry[] {
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  const ordered = new Set<Entry>();
  const begun = new Set<Entry>();
  for (const first of entries) {
    // Without recursion: a chain may be as long as the document.
    for (const left = [first]; left.length > 0;) {
      const entry = left.at(-1)!;
      const parents = begun.has(entry) ? [] : parentsIn(entry, byName);
      begun.add(entry);
      const open = parents.filter((one) => !begun.has(one));
      if (open.length > 0) left.push(...open);
      else ordered.add(left.pop()!);
    }
  }
  return [...ordered];
}

const parentsIn = ({ body }: Entry, byName: ReadonlyMap<unknown, Entry>): Entry[] =>
  isObject(body) ? namedServices(body).flatMap((name) => byName.get(name) ?? []) : [];

function twice({ name, pointer }: Entry, seen: Map<string, string>): FieldError[] {
  if (typeof name !== 'string') return [];
  const first = seen.get(name);
  if (first === undefined) seen.set(name, pointer);
  return first === undefined ? [] : [{ pointer: `${pointer}/name`, detail: `is the name of ${first} too` }];
}

function usesLeftOut({ pointer, body }: Entry, section: Section, left: LeftOut): FieldError[] {
  if (!isObject(body)) return [];
  return usedBy(section, body, left).map((name) => ({
    pointer,
    detail: `uses ${JSON.stringify(name)}, which is left out`,
  }));
}

/** Returns what of that which is left out a definition uses. */
function usedBy(section: Section, body: Record<string, unknown>, left: LeftOut): unknown[] {
  if (section === 'contacts') return namedAction(body).filter((name) => left.actions.has(name));
  if (section !== 'services') return [];
  return [
    ...[body.infrastructure].filter((name) => left.infrastructures.has(name as string)),
    ...namedActions(body).filter((name) => left.actions.has(name as string)),
    ...namedServices(body).filter((name) => left.services.has(name as string)),
  ];
}

const named = ({ pointer, name }: Entry) => ({ pointer, name: typeof name === 'string' ? name : '' });

export const sentence = (errors: readonly FieldError[]): string =>
  errors.map(({ pointer, detail }) => `${pointer}: ${detail}`).join('; ');

function planOf(drafts: Drafts, dryRun: boolean): Omit<Plan, 'errors'> {
  const plan: Omit<Plan, 'errors'> = { dryRun, created: [], updated: [], unchanged: [] };
  for (const section of SECTION_NAMES) {
    const kind = SECTIONS[section];
    for (const draft of drafts[section]) {
      const { name } = draft.row;
      if (draft.before === undefined) plan.created.push({ kind, name, ...(dryRun ? {} : draft.once) });
      else if (isUnchanged(draft)) plan.unchanged.push({ kind, name });
      else plan.updated.push({ kind, name, changes: draft.changes });
    }
  }
  return plan;
}
