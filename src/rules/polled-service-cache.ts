import { Injectable } from '@nestjs/common';
import { keepHeapTight } from '../common/heap';
import { SharedRun } from '../common/shared-run';
import { Database } from '../database/database';
import { changedDefinitions, changesAfter, type DefinitionChange } from '../database/definition-changes';
import { stateOf } from '../engine/evaluate';
import type { State } from '../engine/types';
import { SILENCE_REVISION, SilenceBook } from '../silences/silence-book';
import type { ServiceSnapshot } from './compiled-service';
import { ServiceLoader, SNAPSHOT, type SnapshotRow } from './service-loader';
import { SlotIndex } from './slot-index';

/** Number of services read in one statement; a page is compiled in one go, during which nothing else runs. */
const PAGE = 100;
/**
 * Number of changed services read in one statement: more than `PAGE`, as a job waits and each page is several round
 * trips.
 */
const CHANGED_PAGE = 500;
/** Number of services from which they are most of this process's memory. */
const MANY = 20_000;
/** Largest number of changed states that are learned one by one; with more, all services are read again. */
const STATES_AT_ONCE = 20_000;

/** Point up to which the cache is complete. */
interface Known {
  /** Revision of the definitions. */
  revision: string;
  /** Transactions visible to the last read of states, as PostgreSQL writes a `pg_snapshot`. */
  snapshot: string;
}

/** Changes committed after a point. */
interface News extends Known {
  killSwitch: boolean;
  /** Revision of the silences. */
  silences: string;
  changes: DefinitionChange[] | null;
  states: { id: string; state: State; nextMoment: number | null }[] | null;
}

/**
 * Cache of the polled services, definitions and states. Before each use it learns what has changed since the last use,
 * at a cost that does not grow with the number of services.
 *
 * No commit is missed. Definitions have a revision whose row lock orders their changes by commit. States have the id of
 * the transaction that wrote them, and each read asks for those of transactions the read before could not see: they
 * were running then, or began later. After a failed read nothing is taken for known: all services are read again.
 */
@Injectable()
export class PolledServiceCache {
  private readonly services = new SlotIndex();
  private readonly refresh = new SharedRun(() => this.learn());
  private known?: Known;
  private killSwitch = false;

  constructor(
    private readonly database: Database,
    private readonly loader: ServiceLoader,
    private readonly silences: SilenceBook,
  ) {}

  /** Returns the enabled, polled services of a range of slots, at least as new as committed when this was called. */
  async due(intervalSeconds: number, fromSlot: number, toSlot: number): Promise<ServiceSnapshot[]> {
    await this.refresh.run();
    const { killSwitch } = this;
    return this.services
      .within(intervalSeconds, fromSlot, toSlot)
      .map((snapshot) => (snapshot.killSwitch === killSwitch ? snapshot : { ...snapshot, killSwitch }));
  }

  private async learn(): Promise<void> {
    const { known } = this;
    // After a failure nothing is taken for granted: another server may answer, which has lost what this one knew.
    this.known = undefined;
    const { killSwitch, silences, changes, states, ...next } = await this.news(known);
    await this.silences.upTo(silences);
    this.killSwitch = killSwitch;
    const isContinued = known !== undefined && endOf(next.snapshot) >= endOf(known.snapshot);
    const changed =
      isContinued && (states ?? []).length <= STATES_AT_ONCE
        ? changedDefinitions(changes ?? [], known.revision, next.revision)
        : undefined;
    if (changed === undefined) await this.learnAll();
    else {
      for (const { id, state, nextMoment } of states ?? []) this.remember(id, state, nextMoment);
      await this.learnServices(changed);
    }
    this.known = next;
  }

  /**
   * Reads the changes in one statement, so that they are of one moment. The statement has no name: a plan for any
   * snapshot would read all states. Tables of one row are not joined: before they are analyzed PostgreSQL takes them
   * for thousands of rows, and compiles a plan for millions.
   */
  private async news(known: Known | undefined): Promise<News> {
    const [row] = await this.database.rows<News>(
      `SELECT (SELECT revision FROM definition_revision), pg_current_snapshot()::text AS snapshot,
         (SELECT is_on FROM kill_switch) AS "killSwitch", ${SILENCE_REVISION} AS silences, ${changesAfter('$3')} AS changes,
         (SELECT jsonb_agg(jsonb_build_object('id', st.service_id, 'state', st.state,
             'nextMoment', (extract(epoch FROM st.next_moment) * 1000)::float8))
          FROM (SELECT service_id, state, next_moment FROM service_states
            WHERE written_by >= pg_snapshot_xmin($1::pg_snapshot) AND NOT pg_visible_in_snapshot(written_by, $1::pg_snapshot)
              -- Of the future is what another server wrote, and was restored here.
              AND written_by < pg_snapshot_xmax(pg_current_snapshot())
            ORDER BY written_by LIMIT $2) st) AS states`,
      [known?.snapshot ?? null, STATES_AT_ONCE + 1, known?.revision ?? null],
    );
    return row!;
  }

  private remember(id: string, state: State, nextMoment: number | null): void {
    const snapshot = this.services.get(id);
    // Not polled, or not enabled: when that changes, it is read with its state.
    if (snapshot !== undefined)
      this.services.put({ ...snapshot, state: stateOf(state), nextMoment: nextMoment ?? undefined });
  }

  /** Reads changed services again, and those whose infrastructure has changed. */
  private async learnServices(changed: ReadonlyMap<string, string[]>): Promise<void> {
    const services = changed.get('service') ?? [];
    const infrastructures = changed.get('infrastructure') ?? [];
    const users = infrastructures.length === 0 ? [] : await this.usersOf(infrastructures);
    const ids = [...new Set([...services, ...users])];
    for (let from = 0; from < ids.length; from += CHANGED_PAGE) {
      const some = ids.slice(from, from + CHANGED_PAGE);
      // Side by side: a job waits.
      const [rows] = await Promise.all([
        this.database.rows<SnapshotRow>(
          `${SNAPSHOT} WHERE s.id = ANY($1::uuid[]) AND s.enabled AND s.polled`,
          [some],
        ),
        this.loader.load(some),
      ]);
      await this.take(some, rows);
    }
  }

  private async usersOf(infrastructures: readonly string[]): Promise<string[]> {
    const rows = await this.database.rows<{ id: string }>(
      'SELECT id FROM services WHERE infrastructure_id = ANY($1::uuid[])',
      [infrastructures],
    );
    return rows.map(({ id }) => id);
  }

  private async learnAll(): Promise<void> {
    const gone = new Set(this.services.ids());
    let after = '00000000-0000-0000-0000-000000000000';
    let count = 0;
    for (let rows: SnapshotRow[], isLast = false; !isLast; isLast = rows.length < PAGE) {
      rows = await this.database.rows<SnapshotRow>(
        `${SNAPSHOT} WHERE s.id > $1 AND s.enabled AND s.polled ORDER BY s.id LIMIT ${PAGE}`,
        [after],
      );
      const ids = rows.map(({ id }) => id);
      await this.take(ids, rows);
      for (const id of ids) gone.delete(id);
      // On the way already: what makes them ready leaves garbage.
      if ((count += ids.length) >= MANY) keepHeapTight();
      after = ids.at(-1) ?? after;
    }
    for (const id of gone) this.services.remove(id);
  }

  /**
   * Puts services into the cache.
   *
   * @param ids services that were asked for; those not found are not polled any more and are removed
   */
  private async take(ids: readonly string[], rows: readonly SnapshotRow[]): Promise<void> {
    const found = await this.loader.snapshots(rows);
    for (const id of ids) this.services.remove(id);
    for (const snapshot of found) this.services.put(snapshot);
  }
}

/** Returns the first transaction that had not begun. It never goes back, unless another server has taken over. */
const endOf = (snapshot: string): bigint => BigInt(snapshot.split(':')[1]!);
