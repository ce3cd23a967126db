import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { messageOf, type FieldError } from '../common/errors';
import { newId } from '../common/ids';
import { Database } from '../database/database';
import { Statement } from '../database/statement';
import type { Facts, Note, Taken } from './formats/alert-format';
import { headOf, shownPayload, type Head } from './formats/kept-payload';
import { maskLabels, maskSecrets } from './formats/mask-secrets';

const FLUSH_MS = 1_000;
/** Largest number of payloads that one process keeps in a second: of one source, and (`KEPT_OF_ALL`) of all. */
const KEPT_OF_SOURCE = 5;
const KEPT_OF_ALL = 200;
/** Number of payloads kept of a source. */
const RECENT = 20;
const ALERTS_SHOWN = 20;
const ERRORS_SHOWN = 20;
const MAX_TEXT = 500;
const SPAN_MS = 10_000;
/** Largest memory behind the body of a request that is held as it came, bytes. */
const SMALL_BYTES = 16_384;

/**
 * SQL of the sources named by $1, locked until the statement ends, so that one deleted meanwhile does not fail the
 * others.
 */
const LIVING_SOURCES = `WITH living AS (
  SELECT id, name FROM sources WHERE name = ANY($1::text[]) ORDER BY id FOR KEY SHARE)`;

/** A request that was taken or refused. */
export interface Receipt {
  source: string;
  facts: Facts;
  /** Format it was read as. */
  format: string;
  status: number;
  taken?: Taken;
  errors?: FieldError[];
  notes?: Note[];
}

/** Parts of a request that are kept until they are written: little, whatever was sent. */
interface Kept {
  source: string;
  at: Date;
  head: Head;
  format: string;
  status: number;
  alerts: number;
  alertIds: string[];
  errors: { detail: string }[];
  notes: Note[];
}

interface Count {
  source: string;
  spanAt: number;
  alerts: number;
  lastSeenAt: Date;
}

/** Notes when sources last sent. */
const NOTE_SEEN = new Statement(
  'receipts_seen',
  `${LIVING_SOURCES}
   INSERT INTO source_states (source_id, last_seen_at)
   SELECT s.id, max(u.at) FROM unnest($1::text[], $2::timestamptz[]) AS u (name, at) JOIN living s USING (name)
   GROUP BY s.id ORDER BY s.id
   ON CONFLICT (source_id) DO UPDATE SET last_seen_at = greatest(source_states.last_seen_at, excluded.last_seen_at)`,
);

/** Adds to the number of alerts that a source sent in a span. */
const ADD_COUNTS = new Statement(
  'receipts_counts',
  `${LIVING_SOURCES}
   INSERT INTO source_counts (source_id, at, alerts)
   SELECT s.id, u.at, u.alerts FROM unnest($1::text[], $2::timestamptz[], $3::int[]) AS u (name, at, alerts)
     JOIN living s USING (name) ORDER BY s.id, u.at
   ON CONFLICT (source_id, at) DO UPDATE SET alerts = source_counts.alerts + excluded.alerts`,
);

/** Deletes counts of more than five minutes ago; another process may be at it. */
const DROP_OLD_COUNTS = new Statement(
  'receipts_counts_old',
  `DELETE FROM source_counts WHERE (source_id, at) IN (SELECT source_id, at FROM source_counts
   WHERE at < $1::timestamptz - interval '5 minutes' FOR UPDATE SKIP LOCKED)`,
);

/** Keeps payloads of sources, with what became of them. */
const KEEP_PAYLOADS = new Statement<{ source: string }>(
  'receipts_payloads',
  `${LIVING_SOURCES}
   INSERT INTO source_payloads (id, source_id, at, format, status, payload, alerts, alert_ids, errors, notes)
   SELECT u.id, s.id, u.at, u.format, u.status, u.payload, u.alerts,
     array(SELECT jsonb_array_elements_text(u.alert_ids)::uuid), u.errors, u.notes
   FROM unnest($2::uuid[], $1::text[], $3::timestamptz[], $4::text[], $5::int[], $6::text[], $7::int[], $8::jsonb[], $9::jsonb[],
       $10::jsonb[])
     AS u (id, name, at, format, status, payload, alerts, alert_ids, errors, notes) JOIN living s USING (name)
   RETURNING source_id AS source`,
);

/** Deletes the payloads of sources but the newest; another process may be at it. */
const DROP_OLD_PAYLOADS = new Statement(
  'receipts_payloads_old',
  `DELETE FROM source_payloads WHERE id IN (SELECT id FROM source_payloads WHERE id IN (
   SELECT old.id FROM unnest($1::uuid[]) AS s (id), LATERAL (
     SELECT p.id FROM source_payloads p WHERE p.source_id = s.id ORDER BY p.id DESC OFFSET $2) old) FOR UPDATE SKIP LOCKED)`,
);

/**
 * Records what came from each source: when it last sent, how many alerts, and its last payloads.
 *
 * Records are gathered in memory and written once a second, by one write at a time. Requests don't wait for it; a crash
 * loses at most what was not written yet, and never an alert.
 */
@Injectable()
export class SourceActivity implements BeforeApplicationShutdown {
  private readonly logger = new Logger('SourceActivity');
  private counts = new Map<string, Count>();
  private payloads = new Map<string, (Receipt | Kept)[]>();
  private timer?: NodeJS.Timeout;
  private writing?: Promise<void>;

  constructor(private readonly database: Database) {}

  /** Counts alerts of a source, and notes that it has sent. */
  count(source: string, alerts: number, at: Date): void {
    const spanAt = Math.floor(at.getTime() / SPAN_MS) * SPAN_MS;
    const key = `${spanAt} ${source}`;
    const known = this.counts.get(key);
    if (known === undefined) this.counts.set(key, { source, spanAt, alerts, lastSeenAt: at });
    else {
      known.alerts += alerts;
      known.lastSeenAt = at;
    }
    this.schedule();
  }

  /** Keeps a request to be written; of many in a second, the newest. */
  keep(receipt: Receipt): void {
    const kept = this.payloads.get(receipt.source) ?? [];
    if (kept.length === 0 && this.payloads.size * KEPT_OF_SOURCE >= KEPT_OF_ALL) return;
    kept.push(isSmall(receipt) ? receipt : keptOf(receipt));
    if (kept.length > KEPT_OF_SOURCE) kept.shift();
    this.payloads.set(receipt.source, kept);
    this.schedule();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.flush();
  }

  /** Writes what was gathered, after the write that is under way. Never fails: errors are logged. */
  async flush(): Promise<void> {
    while (this.writing !== undefined) await this.writing;
    const [counts, payloads] = [[...this.counts.values()], [...this.payloads.values()].flat()];
    if (counts.length + payloads.length === 0) return;
    this.counts = new Map();
    this.payloads = new Map();
    this.writing = this.write(counts, payloads)
      .catch((error: unknown) => this.logger.warn(`what came from sources is not kept: ${messageOf(error)}`))
      .finally(() => (this.writing = undefined));
    await this.writing;
  }

  /**
   * Schedules the next write a second after the last one has ended, so that writes don't pile up while PostgreSQL is
   * slow.
   */
  private schedule(): void {
    this.timer ??= setTimeout(() => {
      void this.flush().then(() => {
        this.timer = undefined;
        if (this.counts.size + this.payloads.size > 0) this.schedule();
      });
    }, FLUSH_MS).unref();
  }

  /** Writes rows in the order of their ids, so that two processes never deadlock. */
  private async write(counts: readonly Count[], payloads: readonly (Receipt | Kept)[]): Promise<void> {
    if (counts.length > 0) await this.writeCounts(counts);
    if (payloads.length > 0)
      await this.writePayloads(payloads.map((one) => ('head' in one ? one : keptOf(one))));
  }

  private async writeCounts(counts: readonly Count[]): Promise<void> {
    const names = counts.map(({ source }) => source);
    const seen = counts.map(({ lastSeenAt }) => lastSeenAt);
    await NOTE_SEEN.rows(this.database, [names, seen]);
    await ADD_COUNTS.rows(this.database, [
      names,
      counts.map(({ spanAt }) => new Date(spanAt)),
      counts.map(({ alerts }) => alerts),
    ]);
    await DROP_OLD_COUNTS.rows(this.database, [seen[0]]);
  }

  private async writePayloads(payloads: readonly Kept[]): Promise<void> {
    const written = await KEEP_PAYLOADS.rows(this.database, [
      payloads.map(({ source }) => source),
      payloads.map(() => newId()),
      payloads.map(({ at }) => at),
      payloads.map(({ format }) => format),
      payloads.map(({ status }) => status),
      payloads.map(({ head }) => shownPayload(head)),
      payloads.map(({ alerts }) => alerts),
      payloads.map(({ alertIds }) => JSON.stringify(alertIds)),
      payloads.map(({ errors, head }) => JSON.stringify(shownTexts(errors, head))),
      payloads.map(({ notes, head }) => JSON.stringify(shownTexts(notes, head))),
    ]);
    await DROP_OLD_PAYLOADS.rows(this.database, [[...new Set(written.map(({ source }) => source))], RECENT]);
  }

  /** Returns when the source last sent, and how many alerts in the last minute; empty when it never did. */
  async summary(id: string, now: Date): Promise<{ lastSeenAt?: Date; alertsPerMinute?: number }> {
    await this.flush();
    const [row] = await this.database.rows<{ lastSeenAt: Date; alertsPerMinute: number }>(
      `SELECT last_seen_at AS "lastSeenAt", (SELECT coalesce(sum(alerts), 0)::int FROM source_counts c
           WHERE c.source_id = $1 AND c.at > $2::timestamptz - interval '1 minute') AS "alertsPerMinute"
       FROM source_states WHERE source_id = $1`,
      [id, now],
    );
    return row ?? {};
  }

  /** Returns the last payloads of a source, newest first, with what became of them. */
  async recent(id: string): Promise<object[]> {
    await this.flush();
    const rows = await this.database.rows<{ alerts: { labels: Record<string, string> }[] }>(
      `SELECT p.at, p.format, p.status, p.payload, p.alerts AS "alertCount", p.errors, p.notes,
         coalesce((SELECT jsonb_agg(jsonb_build_object('id', a.id, 'dedupKey', a.dedup_key, 'status', a.status, 'labels', a.labels,
             'matched', coalesce((SELECT jsonb_agg(jsonb_build_object('service', s.name, 'metric', m.metric) ORDER BY s.name, m.metric)
               FROM alert_matches m JOIN services s ON s.id = m.service_id WHERE m.alert_id = a.id), '[]')))
           FROM alerts a WHERE a.id = ANY(p.alert_ids)), '[]') AS alerts
       FROM source_payloads p WHERE p.source_id = $1 ORDER BY p.id DESC LIMIT $2`,
      [id, RECENT],
    );
    return rows.map(({ alerts, ...row }) => ({
      ...row,
      alerts: alerts.map((alert) => ({ ...alert, labels: maskLabels(alert.labels) })),
    }));
  }
}

/** Masks secrets in errors and notes, which may repeat what was sent. */
const shownTexts = (told: readonly { detail: string }[], { tokens }: Head): object[] =>
  told.map((one) => ({ ...one, detail: maskSecrets(one.detail, tokens) }));

/**
 * Tells whether a request may be held as it came until it is written: of hundreds in a second most are dropped before, and
 * what is kept of them is never made.
 */
const isSmall = ({ facts: { raw }, taken, errors, notes }: Receipt): boolean =>
  raw.buffer.byteLength <= SMALL_BYTES &&
  (taken?.accepted.length ?? 0) <= ALERTS_SHOWN &&
  taken?.rejected.length === 0 &&
  errors === undefined &&
  (notes?.length ?? 0) === 0;

function keptOf({ source, facts, format, status, taken, errors, notes = [] }: Receipt): Kept {
  const { accepted = [], rejected = [] } = taken ?? {};
  const rejections = rejected
    .slice(0, ERRORS_SHOWN)
    .flatMap(({ index, errors: some }) => some.map((error) => ({ index, ...error })));
  return {
    source,
    at: facts.now,
    head: headOf(facts),
    format,
    status,
    alerts: accepted.length,
    alertIds: [...new Set(accepted.slice(0, ALERTS_SHOWN).map(({ id }) => id))],
    errors: (errors ?? rejections).slice(0, ERRORS_SHOWN).map((error) => ({
      ...error,
      pointer: error.pointer.slice(0, MAX_TEXT),
      detail: error.detail.slice(0, MAX_TEXT),
    })),
    notes: notes.slice(0, ERRORS_SHOWN),
  };
}
