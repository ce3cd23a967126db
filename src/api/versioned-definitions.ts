import type { EntityManager } from 'typeorm';
import { isWithin, currentCaller, visibleTo } from '../common/caller';
import type { Change } from '../common/differences';
import { NotFound } from '../common/errors';
import { isId } from '../common/ids';
import type { Secrets } from '../common/secrets';
import type { DefinitionStore } from '../database/definitions';
import type { DefinitionRow } from '../database/entities';
import type { Resource } from './definition.controller';
import { DefinitionVersions, type StoredVersion, type VersionHead } from './definition-versions';
import { changesOf, StoredDefinitions, type Names, type Noted } from './stored-definitions';

/** Version as it is listed. */
export interface ShownVersion {
  version: number;
  at: string;
  /** Who made it; absent where nobody wrote that down. */
  actor?: string;
  via?: string;
  changes: Change[];
}

/** Operations on the versions of one kind of definition. */
export interface Versions {
  versions(
    reference: string,
    limit: number,
    before?: number,
  ): Promise<{ items: ShownVersion[]; nextCursor?: string }>;
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
    return (this.history ??= new DefinitionVersions(this.store.database, this.store.kind, apart));
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
      noted.map(({ row, before, changes }) => ({ row, before, changes, names: named(row) })),
    );
  }

  protected override async end(manager: EntityManager, row: R): Promise<void> {
    await this.kept.end(manager, row.id);
  }

  /** Lists versions, newest first. @param before only those below this one */
  async versions(reference: string, limit: number, before?: number) {
    const rows = await this.kept.list(await this.idOf(reference), limit + 1, before);
    const items = rows.slice(0, limit).map(shownHead);
    return rows.length > limit ? { items, nextCursor: String(items.at(-1)!.version) } : { items };
  }

  async version(reference: string, version: number): Promise<ShownVersion & { definition: object }> {
    const stored = await this.stored(await this.idOf(reference), version);
    return { ...shownHead(stored), definition: await this.asThen(stored) };
  }

  /** Returns what one version has otherwise than another, by default than the newest. */
  async difference(reference: string, from: number, to?: number) {
    const id = await this.idOf(reference);
    const [one, other] = [await this.stored(id, from), await this.stored(id, to)];
    const [before, row] = [one, other].map(rowOf) as [R, R];
    const changes = changesOf(
      { before, changes: this.changes(before, row) },
      await this.asThen(one),
      await this.asThen(other),
    );
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
    const [shown] = await this.show([then], await this.namesToRestore(then, stored));
    const body = { name: then.name, ...shown };
    const draft = this.draft(body, await this.references([body]), now, then);
    return this.save(draft, { action: 'restore', detail: { version } });
  }

  /** Returns how to refer to what a version refers to: by its id if it is there, by its name of then if it is gone. */
  private async namesToRestore(then: R, { names }: StoredVersion): Promise<Names> {
    const there = await this.namesOf(this.referencesOf(then));
    return new Map([...Object.entries(names), ...[...there.keys()].map((id) => [id, id] as const)]);
  }

  /** Returns what a version was, as it would have been shown. */
  private async asThen(stored: StoredVersion): Promise<object> {
    return (await this.described([rowOf(stored) as R], new Map(Object.entries(stored.names))))[0]!;
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
    if (last === undefined || !last.isDeleted || !this.isVisible(last))
      throw new NotFound(this.store.kind, reference);
    return reference;
  }

  /** Tells whether a caller may see a definition that was deleted. */
  private isVisible({ definition }: StoredVersion): boolean {
    const caller = currentCaller();
    return caller === undefined || isWithin(definition.labels as Record<string, string>, visibleTo(caller));
  }
}

const rowOf = ({ definition }: StoredVersion) => definition as unknown as DefinitionRow;

const shownHead = ({ version, at, actor, via, changes }: VersionHead): ShownVersion => ({
  version,
  at: at.toISOString(),
  ...(actor === null ? {} : { actor }),
  ...(via === null ? {} : { via }),
  changes: changes ?? [],
});
