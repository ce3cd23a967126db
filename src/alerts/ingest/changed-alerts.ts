import type { Clock } from '../../common/clock';
import { Unavailable } from '../../common/errors';
import { newId } from '../../common/ids';
import { texts } from '../../database/binary-format';
import type { Sql } from '../../database/sql-pool';
import { Statement } from '../../database/statement';
import type { AlertSource, IncomingAlert } from '../alert';
import { mergeAlerts, type KeptAlert } from '../dedup';
import { insertAlerts } from './insert';
import type { Accepted, Kept } from './kept';
import type { NewAlerts } from './new-alerts';
import { updateAlerts } from './update';
import type { Surroundings } from './surroundings';

/** Another sender inserted the same new alert at the same time: the transaction is tried again. */
class LostRace extends Error {}
const MAX_TRIES = 5;

/** Locks the current alerts of a source that have one of these keys. */
const CURRENT = new Statement<KeptAlert>(
  'intake_current',
  `SELECT id, dedup_key AS "dedupKey", status, value, labels, annotations, service_id AS "serviceId", metric, at,
     coalesce(reported_at, at) AS "reportedAt", ends_at AS "endsAt", life_seconds AS "lifeSeconds", raw,
     received_at AS "receivedAt", last_seen_at AS "lastSeenAt", is_current AS "isCurrent", revision
   FROM unnest($2::text[]) AS k (key),
     LATERAL (SELECT * FROM alerts WHERE source = $1 AND is_current AND dedup_key = key LIMIT 1 FOR UPDATE) a`,
);

/** Merges alerts into the kept ones, under a lock of each. */
export class ChangedAlerts {
  constructor(
    private readonly database: Surroundings['database'],
    private readonly subscriptions: Surroundings['subscriptions'],
    private readonly newAlerts: NewAlerts,
    private readonly clock: Clock,
  ) {}

  /** @throws Unavailable when others insert the same alerts again and again */
  async merge(source: AlertSource, alerts: readonly IncomingAlert[]): Promise<Kept> {
    for (let tries = 1; tries <= MAX_TRIES; tries++) {
      try {
        return await this.database.transaction((sql) => this.keep(sql, source, alerts));
      } catch (error) {
        if (!(error instanceof LostRace)) throw error;
      }
    }
    throw new Unavailable('too many senders of the same alert at once; send it again', 1);
  }

  private async keep(sql: Sql, source: AlertSource, alerts: readonly IncomingAlert[]): Promise<Kept> {
    const keys = [...new Set(alerts.map(({ dedupKey }) => dedupKey))].sort();
    const current = await CURRENT.rows(sql, [source.name, texts(keys)]);
    const { inserted, updated, accepted, overtaken } = mergeAlerts(current, alerts, this.clock.now(), newId);
    const newsForSome = await updateAlerts(sql, updated);
    const asked = await this.insert(sql, source, inserted);
    const before = new Map(current.map((alert) => [alert.id, alert]));
    const isNews = ({ id, revision, isCurrent }: KeptAlert) =>
      isCurrent && revision > (before.get(id)?.revision ?? 0);
    const news = [...asked, ...updated.filter(isNews).map(({ id }) => id)];
    return {
      accepted: accepted.map((one): Accepted | undefined => one && { id: one.id, dedupKey: one.dedupKey }),
      overtaken,
      news: [...new Set([...news, ...newsForSome])],
      sooner: updated.filter((alert) => endsSooner(alert, before.get(alert.id)?.endsAt)),
    };
  }

  /**
   * Returns the ids of inserted alerts that a rule asks for.
   *
   * @throws LostRace
   */
  private async insert(sql: Sql, source: AlertSource, alerts: readonly KeptAlert[]): Promise<string[]> {
    if (alerts.length === 0) return [];
    const rows = await insertAlerts(sql, source, alerts, await this.newAlerts.asked(source, alerts));
    if (rows.some(({ isStale }) => isStale)) this.subscriptions.refresh();
    if (rows.length < alerts.length) throw new LostRace();
    return rows.filter(({ isAsked }) => isAsked).map(({ id }) => id);
  }
}

const endsSooner = ({ status, isCurrent, endsAt }: KeptAlert, before: Date | null | undefined): boolean =>
  isCurrent &&
  status === 'firing' &&
  endsAt !== null &&
  before !== undefined &&
  (before === null || endsAt < before);
