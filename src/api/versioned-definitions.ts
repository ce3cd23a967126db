import type { EntityManager } from 'typeorm';
import type { Change } from '../common/differences';
import { InvalidInput, NotFound } from '../common/errors';
import { isId } from '../common/ids';
import type { Secrets } from '../common/secrets';
import { cutChanges } from '../database/audit';
import type { DefinitionStore } from '../database/definitions';
import type { DefinitionRow } from '../database/entities';
import type { Page } from '../database/pages';
import type { Resource } from './definition.controller';
import { DefinitionVersions, type StoredVersion } from './definition-versions';
import { changesOf, StoredDefinitions, type Names, type Noted } from './stored-definitions';
import { anything, list, moment, object, shape, someObject, text, whole } from '../common/shapes';

/** Version as it is listed. */
export interface ShownVersion {
  version: number;
  at: string;
  /** Who made it; absent where nobody wrote that down. */
  actor?: string;
  via?: string;
  changes: Change[];
}

/** A field that differs, by its JSON pointer. */
export const CHANGE = shape('Change', object({ pointer: text }, { before: anything, after: anything }));
const VERSION_FIELDS = { version: whole, at: moment, changes: list(CHANGE) };
const AUTHOR = { actor: text, via: text };
export const VERSION = shape('Version', object(VERSION_FIELDS, AUTHOR));
export const VERSION_WHOLE = shape(
  'VersionWhole',
  object({ ...VERSION_FIELDS, definition: someObject }, AUTHOR),
);
export const DIFFERENCE = shape('Difference', object({ from: whole, to: whole, changes: list(CHANGE) }));

/** Operations on the versions of one kind of definition. */
export interface Versions {
  get(reference: string): Promise<Resource>;
  versions(reference: string, limit: number, before?: number): Promise<Page<ShownVersion>>;
  version(reference: string, version: number): Promise<ShownVersion & { definition: object }>;
  difference(
    reference: string,
    from: number,
    to?: number,
  ): Promise<{ from: number; to: number; changes: Change[] }>;
  restore(reference: string, version: number, expectedVersion: number | undefined): Promise<Resource>;
}

/** Definitions of one kind that keep their versions, with the author of each. */
export abstract class VersionedDefinitions<R extends DefinitionRow>
  extends StoredDefinitions<R>
  implements Versions
{
  private history?: DefinitionVersions;

  protected constructor(store: DefinitionStore<R>, secrets: Secrets) {
    super(store, secrets);
  }

  private get kept(): DefinitionVersions {
    // What is not shown is no part of a version: tokens, and what the program counts.
    const apart = Object.keys(this.shownAs).filter((column) => this.shownAs[column] === null);
    return (this.history ??= new DefinitionVersions(this.store, apart));
  }

  protected override async keep(
    manager: EntityManager,
    noted: readonly Noted<R>[],
    names: Names,
  ): Promise<void> {
    const named = (row: R) =>
      Object.fromEntries(
        this.referencesOf(row).flatMap((id) => (names.has(id) ? [[id, names.get(id)!]] : [])),
      );
    await this.kept.add(
      manager,
      noted.map(({ row, before }) => ({ row, before, names: named(row) })),
    );
  }

  protected override async end(manager: EntityManager, row: R): Promise<void> {
    await this.kept.end(manager, row.id);
  }

  /** Lists versions, newest first. @param before only those below this one */
  async versions(reference: string, limit: number, before?: number) {
    const id = await this.idOf(reference);
    const [rows, total] = await Promise.all([this.kept.list(id, limit + 1, before), this.kept.count(id)]);
    const items: ShownVersion[] = [];
    for (const [index, row] of rows.slice(0, limit).entries())
      items.push(await this.shownVersion(row, rows[index + 1]));
    const next = rows.length > limit ? { nextCursor: String(items.at(-1)!.version) } : {};
    return { items, ...next, total };
  }

  async version(reference: string, version: number): Promise<ShownVersion & { definition: object }> {
    const id = await this.idOf(reference);
    const [row, before] = await this.kept.list(id, 2, version + 1);
    if (row?.version !== version) throw new NotFound('version', String(version));
    return { ...(await this.shownVersion(row, before)), definition: await this.asThen(row) };
  }

  /** @param before version before it; where none is kept, only what is new is all change */
  private async shownVersion(row: StoredVersion, before?: StoredVersion): Promise<ShownVersion> {
    const { version, at, actor, via } = row;
    const isKnown = before !== undefined || version === 1;
    return {
      version,
      at: at.toISOString(),
      ...(actor === null ? {} : { actor }),
      ...(via === null ? {} : { via }),
      changes: isKnown ? cutChanges(await this.changesBetween(before, row)).kept : [],
    };
  }

  private async changesBetween(one: StoredVersion | undefined, other: StoredVersion): Promise<Change[]> {
    const after = await this.asThen(other);
    if (one === undefined) return changesOf({ changes: [] }, undefined, after);
    const before = rowOf(one) as R;
    return changesOf(
      { before, changes: this.changes(before, rowOf(other) as R) },
      await this.asThen(one),
      after,
    );
  }

  /** Returns what one version has otherwise than another, by default than the newest. */
  async difference(reference: string, from: number, to?: number) {
    const id = await this.idOf(reference);
    const [one, other] = [await this.stored(id, from), await this.stored(id, to)];
    const changes = await this.changesBetween(one, other);
    return { from: one.version, to: other.version, changes };
  }

  /**
   * Makes what an earlier version was the newest version. It is checked like any body. Secrets are those of then, as
   * long as they go to whom they went.
   *
   * @throws InvalidInput naming what is gone, VersionMismatch
   */
  async restore(reference: string, version: number, expectedVersion: number | undefined): Promise<Resource> {
    const now = await this.store.get(reference);
    const stored = await this.stored(now.id, version);
    if (expectedVersion !== undefined && expectedVersion !== now.version) throw this.store.mismatch(now);
    const then = { ...now, ...stored.definition } as R;
    const there = await this.namesOf(this.referencesOf(then));
    const itself = (id: string) => [id, id] as const;
    // By its id what is there, by its name of then what is gone.
    const names = new Map([...(await this.knownNames(stored)), ...[...there.keys()].map(itself)]);
    const [shown] = await this.show([then], names);
    const body = { name: then.name, ...shown };
    const draft = this.draft(body, await this.references([body]), now, then);
    const seen = await this.namesOf(this.referencesOf(draft.row));
    this.assertThere(draft.row, new Set([...seen.keys(), ...this.referencesOf(now)]));
    this.mayWrite(draft);
    return this.save(draft, { action: 'restore', detail: { version } });
  }

  /** @throws InvalidInput naming what is gone, or out of the caller's scope and not in use now */
  private assertThere(row: R, there: ReadonlySet<string>): void {
    const errors = this.referencesOf(row)
      .filter((id) => !there.has(id))
      .map((id) => ({ pointer: '', detail: `refers to ${id}, which is not there` }));
    if (errors.length > 0) throw new InvalidInput(errors);
  }

  /** Returns the names of what a version refers to: all of them only to callers without a scope. */
  private async knownNames({ names }: StoredVersion): Promise<Names> {
    const all = new Map(Object.entries(names));
    if (this.store.isSeen({})) return all;
    const seen = await this.namesOf([...all.keys()]);
    return new Map([...all].filter(([id]) => seen.has(id)));
  }

  /** Returns what a version was, as it would have been shown. */
  private async asThen(stored: StoredVersion): Promise<object> {
    return (await this.described([rowOf(stored) as R], await this.knownNames(stored)))[0]!;
  }

  private async stored(id: string, version: number | undefined): Promise<StoredVersion> {
    const stored = await this.kept.get(id, version);
    if (stored === undefined) throw new NotFound('version', String(version));
    return stored;
  }

  /** Returns the id of a definition; one that was deleted is found by its id alone. */
  private async idOf(reference: string): Promise<string> {
    const row = await this.store.find(reference);
    if (row !== undefined) return row.id;
    const last = isId(reference) ? await this.kept.get(reference, undefined) : undefined;
    const isSeen =
      last?.isDeleted === true && this.store.isSeen(last.definition.labels as Record<string, string>);
    if (!isSeen) throw new NotFound(this.store.kind, reference);
    return reference;
  }
}

const rowOf = ({ definition }: StoredVersion) => definition as unknown as DefinitionRow;
