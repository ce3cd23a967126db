import { Inject, Injectable, Logger } from '@nestjs/common';
import { Batcher } from '../common/batcher';
import { chunks } from '../common/chunks';
import { CLOCK, type Clock } from '../common/clock';
import { messageOf, Unavailable } from '../common/errors';
import { newId } from '../common/ids';
import { telemetry } from '../common/telemetry';
import { mapInTurns, Turns } from '../common/turns';
import {
  booleans,
  COPIED_AT_ONCE,
  copyOf,
  floats,
  integers,
  jsons,
  texts,
  timestamps,
  uuids,
} from '../database/binary-format';
import { Database } from '../database/database';
import type { Copying, Sql } from '../database/sql-pool';
import { codeOf, UNIQUE_VIOLATION } from '../database/sql-state';
import { Queues } from '../queue/queues';
import type { AlertSource, IncomingAlert } from './alert';
import { LocalAlertDispatch } from './local-alert-dispatch';
import { SourceActivity } from './source-activity';
import { mergeAlerts, SEEN_WITHIN_MS, stepFor, textsOf, type AlertDigest, type KeptAlert } from './dedup';
import { documentOf, foundAt } from './formats/kept-payload';
import { Subscriptions } from './subscriptions';

export interface Accepted {
  id: string;
  dedupKey: string;
  /** True where the alert changed nothing because a later report of it had been taken before. */
  isOvertaken?: true;
}

interface Updated {
  id: string;
  revived: boolean;
  /** Value paths of metrics, and the number found there or why there is none; null without value paths. */
  numbers: [path: string, number: number | null, problem: string | null][] | null;
}

/** Another sender inserted the same new alert at the same time: the transaction is tried again. */
class LostRace extends Error {}
const MAX_TRIES = 5;

/** Alerts of one request. */
interface Delivery {
  source: AlertSource;
  alerts: readonly IncomingAlert[];
}

/** SQL of a moment as a number: many moments are read, and converting them to dates is the expensive part. */
const millis = (column: string): string => `(extract(epoch FROM ${column}) * 1000)::float8`;

const NOTHING: Kept = { accepted: [], overtaken: new Set(), news: [], sooner: [] };

interface Kept {
  /** Kept alert for each that came in; undefined for an end that ended nothing. */
  accepted: (Accepted | undefined)[];
  overtaken: ReadonlySet<IncomingAlert>;
  /** Ids of alerts that rules must evaluate, for the queue. */
  news: string[];
  sooner: KeptAlert[];
}

/** A repeated alert that says the same as the kept one. */
interface AlertTouch {
  key: string;
  digest: AlertDigest;
  endsAt?: Date;
}

/** Result of inserting alerts of which none is kept yet. */
interface Inserted {
  ids: ReadonlyMap<string, string>;
  taken: ReadonlySet<string>;
  overtaken: ReadonlySet<IncomingAlert>;
  news: readonly string[];
}

const NOBODY: Inserted = { ids: new Map(), taken: new Set(), overtaken: new Set(), news: [] };

/**
 * Returns alerts with a number and a time of their own that are not the newest of their key: the kept alert does not
 * show their numbers, so they are only written as samples.
 */
function bygone(alerts: readonly IncomingAlert[], overtaken: ReadonlySet<IncomingAlert>): IncomingAlert[] {
  const said = alerts.filter(
    (one) => one.saidAt !== undefined && one.value !== undefined && !one.saysStartAlone,
  );
  const latest = new Map<string, number>();
  for (const { dedupKey, saidAt } of said)
    latest.set(dedupKey, Math.max(latest.get(dedupKey) ?? -Infinity, saidAt!.getTime()));
  return said.filter((one) => overtaken.has(one) || one.saidAt!.getTime() < latest.get(one.dedupKey)!);
}

/** Alerts that a rule asks for, as of a revision of the rules. */
interface Asked {
  alerts: ReadonlySet<KeptAlert>;
  revision: string;
}

interface InsertedRow {
  id: string;
  isAsked: boolean;
  /** True where the rules have changed since they were read here, so that it is not known who asks. */
  isStale: boolean;
}

interface InsertedAlone {
  rows: InsertedRow[];
  news: string[];
}

const NO_ROWS: InsertedAlone = { rows: [], news: [] };

/** Number of alerts from which a COPY and its round trips cost less than an INSERT. */
const COPY_FROM = 200;

/** Share of new alerts above which alerts are inserted without looking for kept ones first. */
const MOSTLY = 0.9;
/** Number of alerts from which looking up a sample of `SAMPLED` alerts is cheaper than a useless insert. */
const LARGE = 1_000;
const SAMPLED = 50;

/** Largest number of deliveries that share a commit. */
const DELIVERIES_AT_ONCE = 64;
/**
 * Largest number of commits at a time: while one waits for PostgreSQL, the next is prepared. One begins beside another
 * from `MANY_ALERTS` alerts on, as a commit costs as much as 30 alerts.
 */
const COMMITS_AT_ONCE = 3;
const MANY_ALERTS = 200;
/** Largest number of alerts that one statement looks up; statements for the rest run beside it. */
const LOOKED_UP_AT_ONCE = 2_500;
/** Largest number of uncommitted alerts in memory; senders of more are told to try again. */
const ALERTS_IN_MEMORY = 50_000;

/**
 * Commits alerts, whatever way they came, before they are answered as accepted.
 *
 * An alert waits in memory, is committed with others in a batch, and is then answered. Three batches run at a time at
 * most.
 * - New alerts are inserted; the unique key (source, dedup key) decides between two batches with the same alert, and
 *   the loser merges its own into the kept one under a lock.
 * - Repeated alerts are compared without a lock, and written as seen again once for all batches that have them
 *   (`beingSeen`).
 *
 * Always: accepted means committed, and a delivery that fails does not fail the others of its batch.
 */
@Injectable()
export class AlertIngest {
  private readonly logger = new Logger('Intake');
  private readonly deliveries = new Batcher((some: Delivery[]) => this.commitAll(some), {
    maxItems: DELIVERIES_AT_ONCE,
    atOnce: COMMITS_AT_ONCE,
    heavyFrom: MANY_ALERTS,
    weightOf: ({ alerts }) => alerts.length,
  });
  private inMemory = 0;
  /** Alerts that are being written as seen again, by id. */
  private readonly beingSeen = new Map<string, { written: Promise<ReadonlySet<string>>; endsAt?: Date }>();
  /** True where most alerts of the last batch were new, as in an alert storm. */
  private comesNew = false;

  constructor(
    private readonly database: Database,
    private readonly queues: Queues,
    private readonly activity: SourceActivity,
    private readonly subscriptions: Subscriptions,
    private readonly dispatch: LocalAlertDispatch,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Takes alerts and returns when they are committed; leaves out ends that ended nothing.
   *
   * @throws Unavailable when PostgreSQL is away, or more come than it takes
   */
  async accept(source: AlertSource, alerts: readonly IncomingAlert[]): Promise<Accepted[]> {
    this.activity.count(source.name, alerts.length, this.clock.now());
    if (alerts.length === 0) return [];
    if (this.inMemory > 0 && this.inMemory + alerts.length > ALERTS_IN_MEMORY)
      throw new Unavailable('more alerts come than can be kept; send it again', 1);
    this.inMemory += alerts.length;
    try {
      const kept = await this.deliveries.add({ source, alerts });
      if ('error' in kept) throw kept.error;
      const { accepted, overtaken, news, sooner } = kept;
      telemetry.alertsReceived.inc({ format: source.format }, alerts.length);
      // Not waited for: they are committed, and the sweep finds them if this fails.
      void this.queues.addAlerts(news);
      void this.lookSooner(sooner);
      if (overtaken.size === 0) return accepted.filter((one) => one !== undefined);
      const late = alerts.map((alert) => overtaken.has(alert));
      telemetry.alertsOvertaken.inc({ format: source.format }, late.filter(Boolean).length);
      return accepted.flatMap((one, index) =>
        one === undefined ? [] : [late[index] ? { ...one, isOvertaken: true } : one],
      );
    } finally {
      this.inMemory -= alerts.length;
    }
  }

  /** Commits deliveries together; when that fails, each alone, so that a faulty one does not fail the others. */
  private async commitAll(deliveries: readonly Delivery[]): Promise<(Kept | { error: unknown })[]> {
    try {
      return await this.commitTogether(deliveries);
    } catch (error) {
      if (deliveries.length === 1 || error instanceof Unavailable) return deliveries.map(() => ({ error }));
      const results: (Kept | { error: unknown })[] = [];
      for (const delivery of deliveries) results.push(...(await this.commitAll([delivery])));
      return results;
    }
  }

  private async commitTogether(deliveries: readonly Delivery[]): Promise<Kept[]> {
    const bySource = new Map<string, { source: AlertSource; deliveries: Delivery[] }>();
    for (const delivery of deliveries) {
      const { source } = delivery;
      const key = JSON.stringify([source.name, source.format]);
      const group = bySource.get(key) ?? { source, deliveries: [] };
      bySource.set(key, group);
      group.deliveries.push(delivery);
    }
    const kept = new Map<Delivery, Kept>();
    for (const { source, deliveries: some } of bySource.values()) {
      const all = await this.commit(
        source,
        some.flatMap(({ alerts }) => alerts),
      );
      let from = 0;
      some.forEach((delivery, index) => {
        const accepted = all.accepted.slice(from, (from += delivery.alerts.length));
        // What follows from all of them is done once.
        kept.set(delivery, { ...(index === 0 ? all : NOTHING), accepted, overtaken: all.overtaken });
      });
    }
    return deliveries.map((delivery) => kept.get(delivery)!);
  }

  private async commit(source: AlertSource, alerts: readonly IncomingAlert[]): Promise<Kept> {
    const begun = (await this.seemNew(source, alerts))
      ? await this.insertNew(source, beginnings(alerts))
      : NOBODY;
    const rest = alerts.filter(({ dedupKey }) => !begun.ids.has(dedupKey));
    const digests = await this.digests(source, rest);
    const now = this.clock.now().getTime();
    const known = new Map<string, string>(begun.ids);
    const seen = new Map<string, IncomingAlert>();
    const changed = new Set<string>();
    const turns = new Turns();
    for (const alert of rest) {
      if (turns.isOver) await turns.next();
      const digest = digests.get(alert.dedupKey);
      if (digest === undefined) continue;
      const step = stepFor(digest, alert, now);
      if (step === 'merge') changed.add(alert.dedupKey);
      else known.set(alert.dedupKey, digest.id);
      if (step === 'touch') seen.set(alert.dedupKey, alert);
    }
    // Of several with one key all are folded in, or none: they count in their order.
    for (const key of changed) seen.delete(key);
    for (const key of await this.seeAgain(seen, digests)) changed.add(key);
    this.dispatch.repeated(
      source,
      [...seen].flatMap(([key, alert]) => (changed.has(key) ? [] : [alert])),
    );
    const fresh = await this.insertNew(
      source,
      rest.filter(({ dedupKey }) => !digests.has(dedupKey)),
    );
    this.comesNew = begun.ids.size + fresh.ids.size > MOSTLY * alerts.length;
    const isOther = ({ dedupKey }: IncomingAlert) => changed.has(dedupKey) || fresh.taken.has(dedupKey);
    const others = rest.filter(isOther);
    const kept = others.length === 0 ? NOTHING : await this.keepAll(source, others);
    const keptNow = kept.accepted[Symbol.iterator]();
    const overtaken = new Set([...kept.overtaken, ...fresh.overtaken]);
    this.dispatch.repeated(source, bygone(alerts, overtaken));
    return {
      accepted: alerts.map((alert) => {
        if (isOther(alert)) return keptNow.next().value;
        const { dedupKey } = alert;
        const id = known.get(dedupKey) ?? fresh.ids.get(dedupKey);
        return id === undefined ? undefined : { id, dedupKey };
      }),
      overtaken,
      news: [...begun.news, ...fresh.news, ...kept.news],
      sooner: kept.sooner,
    };
  }

  /** Tells whether a batch is probably new. Looks up a sample of a large batch, which is costly to insert in vain. */
  private async seemNew(source: AlertSource, alerts: readonly IncomingAlert[]): Promise<boolean> {
    if (!this.comesNew || alerts.length < LARGE) return this.comesNew;
    const every = Math.floor(alerts.length / SAMPLED);
    const known = await this.digests(
      source,
      alerts.filter((_, index) => index % every === 0),
    );
    return known.size < (1 - MOSTLY) * SAMPLED;
  }

  /** Reads digests of kept alerts without locking: most repeated alerts change nothing. */
  private async digests(
    source: AlertSource,
    alerts: readonly IncomingAlert[],
  ): Promise<Map<string, AlertDigest>> {
    if (alerts.length === 0) return new Map();
    const keys = [...new Set(alerts.map(({ dedupKey }) => dedupKey))];
    const rows = await Promise.all(chunks(keys, LOOKED_UP_AT_ONCE).map((some) => this.digest(source, some)));
    return new Map(rows.flat().map((row) => [row.dedupKey, row]));
  }

  private digest(
    source: AlertSource,
    keys: readonly string[],
  ): Promise<(AlertDigest & { dedupKey: string })[]> {
    return this.database.keyed.rows(
      // A look into the index for each, whatever the planner thinks of their number: by ANY it may read the whole source.
      `SELECT id, key AS "dedupKey", status, ${millis('at')} AS at, ${millis('coalesce(reported_at, at)')} AS "reportedAt",
         ${millis('ends_at')} AS "endsAt", life_seconds AS "lifeSeconds", ${millis('last_seen_at')} AS "lastSeenAt", content
       FROM unnest($2::text[]) AS k (key),
         LATERAL (SELECT * FROM alerts WHERE source = $1 AND is_current AND dedup_key = key LIMIT 1) a`,
      [source.name, texts(keys)],
      'intake_glimpses',
    );
  }

  /**
   * Writes that alerts were seen again. Waits for writes of the same alerts that are under way for other batches.
   *
   * @returns keys of alerts that have changed meanwhile, or that are news for a metric
   */
  private async seeAgain(
    alerts: ReadonlyMap<string, IncomingAlert>,
    digests: ReadonlyMap<string, AlertDigest>,
  ): Promise<string[]> {
    if (alerts.size === 0) return [];
    const touches = [...alerts].map(([key, { endsAt }]) => ({ key, digest: digests.get(key)!, endsAt }));
    const waitedFor = new Set<Promise<ReadonlySet<string>>>();
    const own: AlertTouch[] = [];
    for (const touch of touches) {
      const other = this.beingSeen.get(touch.digest.id);
      if (other !== undefined && endsAlike(other.endsAt, touch.endsAt)) waitedFor.add(other.written);
      else own.push(touch);
    }
    for (const some of chunks(own, LOOKED_UP_AT_ONCE)) waitedFor.add(this.writeSeen(some));
    const written = await Promise.all(waitedFor);
    const isWritten = ({ digest: { id } }: AlertTouch) => written.some((ids) => ids.has(id));
    return touches.filter((touch) => !isWritten(touch)).map(({ key }) => key);
  }

  /** @returns ids of alerts that are still as they were; another process may have written the same just before */
  private writeSeen(touches: AlertTouch[]): Promise<ReadonlySet<string>> {
    // They are locked in this order, everywhere.
    touches.sort((a, b) => (a.digest.id < b.digest.id ? -1 : 1));
    const ids = touches.map(({ digest: { id } }) => id);
    const written = this.database.keyed
      .rows<{ id: string }>(
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
        [
          uuids(ids),
          // What they say is what was kept: that is why they are here.
          texts(touches.map(({ digest: { content } }) => content)),
          timestamps(touches.map(({ endsAt }) => endsAt ?? null)),
          this.clock.now(),
        ],
        'intake_seen',
      )
      .then((rows) => new Set(rows.map(({ id }) => id)))
      .finally(() => {
        for (const id of ids) if (this.beingSeen.get(id)?.written === written) this.beingSeen.delete(id);
      });
    for (const { digest, endsAt } of touches) this.beingSeen.set(digest.id, { written, endsAt });
    return written;
  }

  /**
   * Inserts alerts of which none is kept, in one statement. Of several with one key the last one is current.
   *
   * @returns ids by key, and keys that are left: another sender has inserted them, or they need several rows
   */
  private async insertNew(source: AlertSource, alerts: readonly IncomingAlert[]): Promise<Inserted> {
    if (alerts.length === 0) return NOBODY;
    const { inserted, accepted: folded, overtaken } = mergeAlerts([], alerts, this.clock.now(), newId);
    const accepted = folded.filter((one) => one !== undefined);
    // Several rows of one key are all or nothing: one of them may be taken by somebody else.
    const rowsOf = new Map<string, number>();
    for (const { dedupKey } of inserted) rowsOf.set(dedupKey, (rowsOf.get(dedupKey) ?? 0) + 1);
    const alone = inserted.filter(({ dedupKey }) => rowsOf.get(dedupKey) === 1);
    const { rows, news } = alone.length === 0 ? NO_ROWS : await this.insertAlone(source, alone);
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

  /** Inserts alerts with one row each; meanwhile `LocalAlertDispatch` may prepare their evaluation. */
  private async insertAlone(source: AlertSource, alerts: readonly KeptAlert[]): Promise<InsertedAlone> {
    const asked = await this.asked(source, alerts);
    const follow = this.dispatch.take(source, [...asked.alerts]);
    let committed: KeptAlert[] = [];
    try {
      const rows = await this.insertOrCopy(source, alerts, asked);
      const news = rows.filter(({ isAsked }) => isAsked).map(({ id }) => id);
      // With other rules than those that were known here, others may ask for them.
      if (follow === undefined || rows.some(({ isStale }) => isStale)) return { rows, news };
      const fresh = new Set(news);
      committed = alerts.filter(({ id }) => fresh.has(id));
      return { rows, news: [] };
    } finally {
      follow?.(committed);
    }
  }

  /** Copies large batches. A COPY fails as a whole when a key is there already: then the alerts are inserted. */
  private async insertOrCopy(
    source: AlertSource,
    alerts: readonly KeptAlert[],
    asked: Asked,
  ): Promise<InsertedRow[]> {
    if (this.comesNew && alerts.length >= COPY_FROM) {
      try {
        return await this.database.copying((sql) => this.copy(sql, source, alerts, asked));
      } catch (error) {
        if (codeOf(error) !== UNIQUE_VIOLATION) throw error;
      }
    }
    return this.insert(this.database.keyed, source, alerts, asked);
  }

  private async keepAll(source: AlertSource, alerts: readonly IncomingAlert[]): Promise<Kept> {
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
    const current = await sql.rows<KeptAlert>(
      `SELECT id, dedup_key AS "dedupKey", status, value, labels, annotations, service_id AS "serviceId", metric, at,
         coalesce(reported_at, at) AS "reportedAt", ends_at AS "endsAt", life_seconds AS "lifeSeconds", raw,
         received_at AS "receivedAt", last_seen_at AS "lastSeenAt", is_current AS "isCurrent", revision
       FROM unnest($2::text[]) AS k (key),
         LATERAL (SELECT * FROM alerts WHERE source = $1 AND is_current AND dedup_key = key LIMIT 1 FOR UPDATE) a`,
      [source.name, texts(keys)],
      'intake_current',
    );
    const { inserted, updated, accepted, overtaken } = mergeAlerts(current, alerts, this.clock.now(), newId);
    const newsForSome = await this.update(sql, updated);
    const rows =
      inserted.length === 0
        ? []
        : await this.insert(sql, source, inserted, await this.asked(source, inserted));
    if (rows.length < inserted.length) throw new LostRace();
    const before = new Map(current.map(({ id, revision }) => [id, revision]));
    const ends = new Map(current.map(({ id, endsAt }) => [id, endsAt]));
    const isNews = ({ id, revision, isCurrent }: KeptAlert) => isCurrent && revision > (before.get(id) ?? 0);
    const asked = rows.filter(({ isAsked }) => isAsked).map(({ id }) => id);
    const news = [...asked, ...updated.filter(isNews).map(({ id }) => id)];
    return {
      accepted: accepted.map((one) => one && { id: one.id, dedupKey: one.dedupKey }),
      overtaken,
      news: [...new Set([...news, ...newsForSome])],
      sooner: updated.filter((alert) => endsSooner(alert, ends.get(alert.id))),
    };
  }

  /** Queues the services of alerts whose end has moved forward, so that they are evaluated at the new end. */
  private async lookSooner(alerts: readonly KeptAlert[]): Promise<void> {
    if (alerts.length === 0) return;
    try {
      const services = await this.database.rows<{ id: string; at: Date }>(
        `SELECT m.service_id AS id, u.at FROM unnest($1::uuid[], $2::timestamptz[]) AS u (alert_id, at)
           JOIN alert_matches m ON m.alert_id = u.alert_id`,
        [alerts.map(({ id }) => id), alerts.map(({ endsAt }) => endsAt)],
        'intake_sooner',
      );
      await this.queues.addServices(services, this.clock.now());
    } catch (error) {
      this.logger.warn(`alerts are taken as ended later than they say: ${messageOf(error)}`);
    }
  }

  /**
   * Updates kept alerts.
   *
   * @returns ids of alerts that are news for a metric alone: their life by the metric's `ttlSeconds` had ended, or the
   * number at its value path has changed
   */
  private async update(sql: Sql, alerts: readonly KeptAlert[]): Promise<string[]> {
    if (alerts.length === 0) return [];
    const said = await mapInTurns(alerts, textsOf);
    const rows = await sql.rows<Updated>(
      `UPDATE alerts a
       SET status = u.status, value = u.value, labels = u.labels, annotations = u.annotations, ends_at = u.ends_at, raw = u.raw,
         is_current = u.is_current, revision = u.revision + r.revived::int, last_seen_at = u.last_seen_at, content = u.content,
         reported_at = u.reported_at
       FROM unnest($1::uuid[], $2::text[], $3::float8[], $4::jsonb[], $5::jsonb[], $6::timestamptz[], $7::bool[], $8::int[], $9::timestamptz[],
             $10::jsonb[], $11::text[], $12::timestamptz[])
           AS u (id, status, value, labels, annotations, ends_at, is_current, revision, last_seen_at, raw, content, reported_at),
         LATERAL (SELECT coalesce(bool_or(b.last_seen_at + make_interval(secs => m.ttl_seconds) < u.last_seen_at), false) AS revived,
             jsonb_agg(jsonb_build_array(m.value_path, m.number, m.problem)) FILTER (WHERE m.value_path IS NOT NULL) AS numbers
           FROM alert_matches m JOIN alerts b ON b.id = m.alert_id WHERE m.alert_id = u.id) r
       WHERE a.id = u.id
       RETURNING a.id, r.revived, r.numbers`,
      await columns(
        () => uuids(alerts.map(({ id }) => id)),
        () => texts(alerts.map(({ status }) => status)),
        () => floats(alerts.map(({ value }) => value)),
        () => jsons(said.map(({ labels }) => labels)),
        () => jsons(said.map(({ annotations }) => annotations)),
        () => timestamps(alerts.map(({ endsAt }) => endsAt)),
        () => booleans(alerts.map(({ isCurrent }) => isCurrent)),
        () => integers(alerts.map(({ revision }) => revision)),
        () => timestamps(alerts.map(({ lastSeenAt }) => lastSeenAt)),
        () => jsons(said.map(({ raw }) => raw)),
        () => texts(said.map(({ content }) => content)),
        () => timestamps(alerts.map(({ reportedAt }) => reportedAt)),
      ),
      'intake_update',
    );
    const renumbered = await this.renumber(sql, rows, alerts);
    return [...rows.filter(({ revived }) => revived).map(({ id }) => id), ...renumbered];
  }

  private async renumber(
    sql: Sql,
    rows: readonly Updated[],
    alerts: readonly KeptAlert[],
  ): Promise<string[]> {
    const byId = new Map(alerts.map((alert) => [alert.id, alert]));
    const isOther = ({ id, numbers }: Updated) => {
      const alert = byId.get(id)!;
      if (numbers === null || !alert.isCurrent || alert.status !== 'firing') return false;
      const document = documentOf(alert);
      return numbers.some(([path, number, problem]) => {
        const found = foundAt(path, document);
        return found.number !== number || found.problem !== problem;
      });
    };
    const ids = rows.filter((row) => !row.revived && isOther(row)).map(({ id }) => id);
    if (ids.length > 0)
      await sql.rows('UPDATE alerts SET revision = revision + 1 WHERE id = ANY($1::uuid[])', [ids]);
    return ids;
  }

  /**
   * Inserts new alerts. Those that no rule asks for are inserted as processed, unless the rules have changed since they
   * were read. The revision is locked, so rules don't change meanwhile; a later change matches current alerts by
   * itself.
   *
   * @returns rows that were inserted: the keys of the others are taken
   */
  private async insert(
    sql: Sql,
    source: AlertSource,
    alerts: readonly KeptAlert[],
    asked: Asked,
  ): Promise<InsertedRow[]> {
    const said = await mapInTurns(alerts, textsOf);
    const rows = await sql.rows<InsertedRow>(
      `WITH known AS (SELECT revision <> $19::bigint AS is_stale FROM definition_revision FOR SHARE)
       INSERT INTO alerts (id, source, format, dedup_key, status, value, labels, annotations, service_id, metric, at,
         ends_at, life_seconds, received_at, last_seen_at, is_current, revision, raw, content, reported_at, processed)
       SELECT id, $1, $2, dedup_key, status, value, labels, annotations, service_id, metric, at, ends_at, life_seconds,
         $20, $20, is_current, revision, raw, content, reported_at, CASE WHEN is_current AND (is_asked OR known.is_stale) THEN 0 ELSE revision END
       FROM known, unnest($3::uuid[], $4::text[], $5::text[], $6::float8[], $7::jsonb[], $8::jsonb[], $9::uuid[], $10::text[],
           $11::timestamptz[], $12::timestamptz[], $13::float8[], $14::bool[], $15::int[], $16::jsonb[], $17::text[], $18::bool[],
           $21::timestamptz[])
         AS u (id, dedup_key, status, value, labels, annotations, service_id, metric, at, ends_at, life_seconds,
           is_current, revision, raw, content, is_asked, reported_at)
       ON CONFLICT (source, dedup_key) WHERE is_current DO NOTHING
       RETURNING id, processed < revision AS "isAsked", (SELECT is_stale FROM known) AS "isStale"`,
      await columns(
        () => source.name,
        () => source.format,
        () => uuids(alerts.map(({ id }) => id)),
        () => texts(alerts.map(({ dedupKey }) => dedupKey)),
        () => texts(alerts.map(({ status }) => status)),
        () => floats(alerts.map(({ value }) => value)),
        () => jsons(said.map(({ labels }) => labels)),
        () => jsons(said.map(({ annotations }) => annotations)),
        () => uuids(alerts.map(({ serviceId }) => serviceId)),
        () => texts(alerts.map(({ metric }) => metric)),
        () => timestamps(alerts.map(({ at }) => at)),
        () => timestamps(alerts.map(({ endsAt }) => endsAt)),
        () => floats(alerts.map(({ lifeSeconds }) => lifeSeconds)),
        () => booleans(alerts.map(({ isCurrent }) => isCurrent)),
        () => integers(alerts.map(({ revision }) => revision)),
        () => jsons(said.map(({ raw }) => raw)),
        () => texts(said.map(({ content }) => content)),
        () => booleans(alerts.map((alert) => asked.alerts.has(alert))),
        () => asked.revision,
        () => alerts[0]!.receivedAt,
        () => timestamps(alerts.map(({ reportedAt }) => reportedAt)),
      ),
      'intake_insert',
    );
    if (rows.some(({ isStale }) => isStale)) this.subscriptions.refresh();
    return rows;
  }

  /**
   * Copies new alerts as `insert` inserts them.
   *
   * @throws the error of PostgreSQL when a key is taken
   */
  private async copy(
    sql: Copying,
    source: AlertSource,
    alerts: readonly KeptAlert[],
    asked: Asked,
  ): Promise<InsertedRow[]> {
    const [now] = await sql.rows<{ revision: string }>('SELECT revision FROM definition_revision FOR SHARE');
    const isStale = now!.revision !== asked.revision;
    const rows = alerts.map((alert) => ({
      id: alert.id,
      isAsked: alert.isCurrent && (isStale || asked.alerts.has(alert)),
      isStale,
    }));
    const said = await mapInTurns(alerts, textsOf);
    const same = <T>(value: T): T[] => alerts.map(() => value);
    const receivedAt = alerts.map((alert) => alert.receivedAt);
    const copied = copyOf([
      { type: 'uuid', values: alerts.map(({ id }) => id) },
      { type: 'text', values: same(source.name) },
      { type: 'text', values: same(source.format) },
      { type: 'text', values: alerts.map(({ dedupKey }) => dedupKey) },
      { type: 'text', values: alerts.map(({ status }) => status) },
      { type: 'float8', values: alerts.map(({ value }) => value) },
      { type: 'jsonb', values: said.map(({ labels }) => labels) },
      { type: 'jsonb', values: said.map(({ annotations }) => annotations) },
      { type: 'uuid', values: alerts.map(({ serviceId }) => serviceId) },
      { type: 'text', values: alerts.map(({ metric }) => metric) },
      { type: 'timestamptz', values: alerts.map(({ at }) => at) },
      { type: 'timestamptz', values: alerts.map(({ endsAt }) => endsAt) },
      { type: 'float8', values: alerts.map(({ lifeSeconds }) => lifeSeconds) },
      { type: 'timestamptz', values: receivedAt },
      { type: 'timestamptz', values: receivedAt },
      { type: 'bool', values: alerts.map(({ isCurrent }) => isCurrent) },
      { type: 'int', values: alerts.map(({ revision }) => revision) },
      { type: 'jsonb', values: said.map(({ raw }) => raw) },
      { type: 'text', values: said.map(({ content }) => content) },
      { type: 'timestamptz', values: alerts.map(({ reportedAt }) => reportedAt) },
      { type: 'int', values: alerts.map(({ revision }, index) => (rows[index]!.isAsked ? 0 : revision)) },
    ]);
    const isLong = alerts.length > COPIED_AT_ONCE;
    await sql.copy(`COPY alerts (${COPIED}) FROM STDIN BINARY`, isLong ? partsInTurns(copied) : copied);
    if (isStale) this.subscriptions.refresh();
    return rows;
  }

  private async asked({ name }: AlertSource, alerts: readonly KeptAlert[]): Promise<Asked> {
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
}

/** Returns values of a statement, made one by one with turns for other work between them, as each may be long. */
const columns = (...values: (() => unknown)[]): Promise<unknown[]> => mapInTurns(values, (value) => value());

/** Yields the parts of a long COPY, with turns for other work between them. A short one, in one part, goes without. */
async function* partsInTurns(parts: Iterable<Buffer>): AsyncGenerator<Buffer, void> {
  const turns = new Turns();
  for (const part of parts) {
    yield part;
    await turns.next();
  }
}

const COPIED = `id, source, format, dedup_key, status, value, labels, annotations, service_id, metric, at, ends_at, life_seconds,
  received_at, last_seen_at, is_current, revision, raw, content, reported_at, processed`;

/**
 * Returns the alerts that begin something unless one is kept under their key: firing ones whose key is here only once.
 */
function beginnings(alerts: readonly IncomingAlert[]): IncomingAlert[] {
  const times = new Map<string, number>();
  for (const { dedupKey } of alerts) times.set(dedupKey, (times.get(dedupKey) ?? 0) + 1);
  return alerts.filter(
    ({ dedupKey, status, isEnd }) => status === 'firing' && !isEnd && times.get(dedupKey) === 1,
  );
}

const endsAlike = (one: Date | undefined, other: Date | undefined): boolean =>
  Math.abs((one?.getTime() ?? 0) - (other?.getTime() ?? 0)) < SEEN_WITHIN_MS;

const endsSooner = ({ status, isCurrent, endsAt }: KeptAlert, before: Date | null | undefined): boolean =>
  isCurrent &&
  status === 'firing' &&
  endsAt !== null &&
  before !== undefined &&
  (before === null || endsAt < before);
