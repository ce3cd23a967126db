import { chunks } from '../../common/chunks';
import type { Clock } from '../../common/clock';
import { texts, timestamps, uuids } from '../../database/binary-format';
import type { Sql } from '../../database/sql-pool';
import { Statement } from '../../database/statement';
import type { IncomingAlert } from '../alert';
import { SEEN_WITHIN_MS, type AlertDigest } from '../dedup';
import { LOOKED_UP_AT_ONCE } from './digests';

/** A repeated alert that says the same as the kept one. */
interface AlertTouch {
  key: string;
  digest: AlertDigest;
  endsAt?: Date;
}

/** Returns the ids of alerts that are still as they were; another process may have written the same just before. */
const SEEN = new Statement<{ id: string }>(
  'intake_seen',
  `WITH seen AS MATERIALIZED (
     SELECT a.id, u.ends_at, a.last_seen_at <= $4::timestamptz - interval '1 second'
         OR u.ends_at >= coalesce(a.ends_at + interval '1 second', '-infinity') AS is_due
     FROM unnest($1::uuid[], $2::text[], $3::timestamptz[]) AS u (id, content, ends_at),
       LATERAL (SELECT * FROM alerts WHERE id = u.id LIMIT 1 FOR NO KEY UPDATE) a
     WHERE a.is_current AND a.status = 'firing' AND a.content = u.content
       AND coalesce(a.ends_at > $4, true) AND coalesce(a.last_seen_at + make_interval(secs => a.life_seconds) > $4, true)
       AND (u.ends_at IS NULL OR u.ends_at >= a.ends_at - interval '1 second')
       AND NOT EXISTS (SELECT FROM alert_matches m
         WHERE m.alert_id = a.id AND a.last_seen_at + make_interval(secs => m.ttl_seconds) < $4 OFFSET 0)),
   written AS (
     -- No join, or each is compared with each: the ids are in order, so the place of one is found by halving.
     UPDATE alerts a SET last_seen_at = greatest(a.last_seen_at, $4),
       ends_at = coalesce(($3::timestamptz[])[width_bucket(a.id, $1::uuid[])], a.ends_at)
     WHERE a.id = ANY(ARRAY(SELECT id FROM seen WHERE is_due)))
   SELECT id FROM seen`,
  'by keys',
);

/**
 * Writes that alerts were seen again, once for all batches that have them at a time.
 *
 * An alert is being written (`underWay`) or not. Whoever sees one that is being written, with the same end, waits for
 * that write.
 */
export class SeenAgain {
  private readonly underWay = new Map<string, { written: Promise<ReadonlySet<string>>; endsAt?: Date }>();

  constructor(
    private readonly sql: Sql,
    private readonly clock: Clock,
  ) {}

  /**
   * Writes that alerts were seen again.
   *
   * @param alerts by key
   * @param digests of the kept ones, by key
   * @returns keys of alerts that have changed meanwhile, or that are news for a metric
   */
  async write(
    alerts: ReadonlyMap<string, IncomingAlert>,
    digests: ReadonlyMap<string, AlertDigest>,
  ): Promise<string[]> {
    if (alerts.size === 0) return [];
    const touches = [...alerts].map(([key, { endsAt }]) => ({ key, digest: digests.get(key)!, endsAt }));
    const waitedFor = new Set<Promise<ReadonlySet<string>>>();
    const own: AlertTouch[] = [];
    for (const touch of touches) {
      const other = this.underWay.get(touch.digest.id);
      if (other !== undefined && endsAlike(other.endsAt, touch.endsAt)) waitedFor.add(other.written);
      else own.push(touch);
    }
    for (const some of chunks(own, LOOKED_UP_AT_ONCE)) waitedFor.add(this.begin(some));
    const written = await Promise.all(waitedFor);
    const isWritten = ({ digest: { id } }: AlertTouch) => written.some((ids) => ids.has(id));
    return touches.filter((touch) => !isWritten(touch)).map(({ key }) => key);
  }

  private begin(touches: AlertTouch[]): Promise<ReadonlySet<string>> {
    // They are locked in this order, everywhere.
    touches.sort((a, b) => (a.digest.id < b.digest.id ? -1 : 1));
    const ids = touches.map(({ digest: { id } }) => id);
    // What they say is what was kept: that is why they are here.
    const contents = touches.map(({ digest: { content } }) => content);
    const ends = touches.map(({ endsAt }) => endsAt ?? null);
    // As a text: pg puts one together from a date part by part, in the local time.
    const now = this.clock.now().toISOString();
    const written = SEEN.rows(this.sql, [uuids(ids), texts(contents), timestamps(ends), now])
      .then((rows) => new Set(rows.map(({ id }) => id)))
      .finally(() => {
        for (const id of ids) if (this.underWay.get(id)?.written === written) this.underWay.delete(id);
      });
    for (const { digest, endsAt } of touches) this.underWay.set(digest.id, { written, endsAt });
    return written;
  }
}

const endsAlike = (one: Date | undefined, other: Date | undefined): boolean =>
  Math.abs((one?.getTime() ?? 0) - (other?.getTime() ?? 0)) < SEEN_WITHIN_MS;
