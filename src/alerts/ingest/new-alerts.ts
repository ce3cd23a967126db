import type { Clock } from '../../common/clock';
import { newId } from '../../common/ids';
import { Turns } from '../../common/turns';
import { despiteDeadlocks } from '../../database/deadlock';
import { codeOf, DEADLOCK_DETECTED, UNIQUE_VIOLATION } from '../../database/sql-state';
import type { AlertSource, IncomingAlert } from '../alert';
import { mergeAlerts, type KeptAlert } from '../dedup';
import { copyAlerts, insertAlerts, insertionUnderLocks, type Asked, type InsertedRow } from './insert';
import type { Surroundings } from './surroundings';

/** Result of inserting alerts of which none is kept yet. */
export interface Inserted {
  /** Ids by key. */
  ids: ReadonlyMap<string, string>;
  /** Keys that are left: another sender has inserted them, or they need several rows. */
  taken: ReadonlySet<string>;
  overtaken: ReadonlySet<IncomingAlert>;
  /** Ids of alerts that rules must evaluate, for the queue. */
  news: readonly string[];
}

export const NONE_INSERTED: Inserted = { ids: new Map(), taken: new Set(), overtaken: new Set(), news: [] };

interface InsertedAlone {
  rows: InsertedRow[];
  news: string[];
}

const NONE_ASKED: ReadonlySet<KeptAlert> = new Set();
const NO_ROWS: InsertedAlone = { rows: [], news: [] };

/** Number of alerts from which a COPY and its round trips cost less than an INSERT. */
const COPY_FROM = 200;

/**
 * Inserts alerts of which none is kept, each batch in one statement. The unique key (source, dedup key) decides between
 * two batches with the same alert.
 */
export class NewAlerts {
  constructor(
    private readonly database: Surroundings['database'],
    private readonly subscriptions: Surroundings['subscriptions'],
    private readonly dispatch: Surroundings['dispatch'],
    private readonly clock: Clock,
  ) {}

  /**
   * Inserts alerts. Of several with one key the last one is current.
   *
   * @param mayCopy whether they are probably new: a COPY fails as a whole when one is not
   */
  async insert(source: AlertSource, alerts: readonly IncomingAlert[], mayCopy: boolean): Promise<Inserted> {
    if (alerts.length === 0) return NONE_INSERTED;
    const { inserted, accepted: folded, overtaken } = mergeAlerts([], alerts, this.clock.now(), newId);
    const accepted = folded.filter((one) => one !== undefined);
    // Several rows of one key are all or nothing: one of them may be taken by somebody else.
    const rowsOf = new Map<string, number>();
    for (const { dedupKey } of inserted) rowsOf.set(dedupKey, (rowsOf.get(dedupKey) ?? 0) + 1);
    const alone = inserted.filter(({ dedupKey }) => rowsOf.get(dedupKey) === 1);
    const { rows, news } = alone.length === 0 ? NO_ROWS : await this.insertAlone(source, alone, mayCopy);
    const done = new Set(rows.map(({ id }) => id));
    const isDone = ({ id }: { id: string }) => done.has(id);
    const ids = new Map(accepted.filter(isDone).map(({ id, dedupKey }) => [dedupKey, id]));
    return {
      ids,
      taken: new Set(accepted.filter((alert) => !isDone(alert)).map(({ dedupKey }) => dedupKey)),
      overtaken: new Set([...overtaken].filter(({ dedupKey }) => ids.has(dedupKey))),
      news,
    };
  }

  /** Returns which alerts a rule asks for. */
  async asked({ name }: AlertSource, alerts: readonly KeptAlert[]): Promise<Asked> {
    // By rules of before it would be evaluated in vain, and then once more.
    if (this.subscriptions.coming !== undefined) await this.subscriptions.coming;
    const { matcher, revision } = this.subscriptions.latest ?? (await this.subscriptions.current());
    const asked = new Set<KeptAlert>();
    const turns = new Turns();
    for (const alert of alerts) {
      // Thousands of patterns may be asked of each.
      if (turns.isOver) await turns.next();
      const { isCurrent, serviceId, labels } = alert;
      if (isCurrent && (serviceId !== null || matcher.asks(labels, name))) asked.add(alert);
    }
    return { alerts: asked, revision };
  }

  /** Inserts alerts with one row each; meanwhile `LocalAlertDispatch` may prepare their evaluation. */
  private async insertAlone(
    source: AlertSource,
    alerts: readonly KeptAlert[],
    mayCopy: boolean,
  ): Promise<InsertedAlone> {
    const asked = await this.asked(source, alerts);
    if (await this.insertEvaluated(source, alerts, asked))
      return { rows: alerts.map(({ id }) => ({ id, isAsked: false, isStale: false })), news: [] };
    const follow = this.dispatch.take(source, [...asked.alerts]);
    let committed: KeptAlert[] = [];
    try {
      const rows = await this.insertOrCopy(source, alerts, asked, mayCopy);
      const isStale = rows.some((row) => row.isStale);
      if (isStale) this.subscriptions.refresh();
      const news = rows.filter(({ isAsked }) => isAsked).map(({ id }) => id);
      // With other rules than those that were known here, others may ask for them.
      if (follow === undefined || isStale) return { rows, news };
      const fresh = new Set(news);
      committed = alerts.filter(({ id }) => fresh.has(id));
      return { rows, news: [] };
    } finally {
      follow?.(committed);
    }
  }

  /**
   * Inserts alerts in the transaction in which they are evaluated; all are processed then. False when nothing is
   * inserted: one of them is there already, they can't be evaluated at once, or they are so many that a COPY is cheaper.
   */
  private async insertEvaluated(
    source: AlertSource,
    alerts: readonly KeptAlert[],
    { alerts: asking, revision }: Asked,
  ): Promise<boolean> {
    if (alerts.length >= COPY_FROM) return false;
    if (!this.dispatch.mayTake(asking.size)) return false;
    const insertion = await insertionUnderLocks(source, alerts, { alerts: NONE_ASKED, revision });
    return this.dispatch.insertEvaluated(source, [...asking], revision, async (sql) => {
      const rows = await insertion(sql);
      return rows.length === alerts.length && rows.every(({ isAsked }) => !isAsked);
    });
  }

  /** Copies large batches. A COPY fails as a whole when a key is there already: then the alerts are inserted. */
  private async insertOrCopy(
    source: AlertSource,
    alerts: readonly KeptAlert[],
    asked: Asked,
    mayCopy: boolean,
  ): Promise<InsertedRow[]> {
    if (mayCopy && alerts.length >= COPY_FROM) {
      try {
        return await this.database.copying((sql) => copyAlerts(sql, source, alerts, asked));
      } catch (error) {
        if (codeOf(error) !== UNIQUE_VIOLATION && codeOf(error) !== DEADLOCK_DETECTED) throw error;
      }
    }
    // Another process may insert some of them in another order.
    return despiteDeadlocks(() => insertAlerts(this.database.keyed, source, alerts, asked));
  }
}
