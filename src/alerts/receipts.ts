import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { messageOf, type FieldError } from '../common/errors';
import { newId } from '../common/ids';
import { Database } from '../database/database';
import type { Facts, Taken } from './formats/alert-format';
import { shownPayload } from './formats/kept-payload';

const FLUSH_MS = 1_000;
/** Payloads that one process keeps in a second: of a source, and of all. */
const KEPT_OF_SOURCE = 5;
const KEPT_OF_ALL = 200;
/** Payloads that are kept of a source. */
const RECENT = 20;
const ALERTS_SHOWN = 20;
const ERRORS_SHOWN = 20;
const SPAN_MS = 10_000;

/** A request as it was taken or refused. */
export interface Receipt {
  source: string;
  facts: Facts;
  /** What it was read as. */
  format: string;
  status: number;
  taken?: Taken;
  errors?: FieldError[];
}

interface Count {
  source: string;
  spanAt: number;
  alerts: number;
  lastSeenAt: Date;
}

/**
 * What came from each source: when it spoke last, how many alerts, and its last payloads. Gathered in memory and written
 * once a second: requests don't wait for it, and what a crash takes of it is no alert.
 */
@Injectable()
export class Receipts implements BeforeApplicationShutdown {
  private readonly logger = new Logger('Receipts');
  private counts = new Map<string, Count>();
  private payloads = new Map<string, Receipt[]>();
  private timer?: NodeJS.Timeout;
  private writing: Promise<void> = Promise.resolve();

  constructor(private readonly database: Database) {}

  /** Something was taken from a source. */
  count(source: string, alerts: number, at: Date): void {
    const spanAt = Math.floor(at.getTime() / SPAN_MS) * SPAN_MS;
    const key = `${spanAt} ${source}`;
    this.counts.set(key, {
      source,
      spanAt,
      alerts: (this.counts.get(key)?.alerts ?? 0) + alerts,
      lastSeenAt: at,
    });
    this.schedule();
  }

  /** Of many in a second the newest are kept. */
  keep(receipt: Receipt): void {
    const kept = this.payloads.get(receipt.source) ?? [];
    if (kept.length === 0 && this.payloads.size * KEPT_OF_SOURCE >= KEPT_OF_ALL) return;
    kept.push(receipt);
    if (kept.length > KEPT_OF_SOURCE) kept.shift();
    this.payloads.set(receipt.source, kept);
    this.schedule();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.flush();
  }

  /** Writes what was gathered. Never fails: it is said in the log. */
  flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    const [counts, payloads] = [[...this.counts.values()], [...this.payloads.values()].flat()];
    this.counts = new Map();
    this.payloads = new Map();
    this.writing = this.writing
      .then(() => this.write(counts, payloads))
      .catch((error: unknown) => this.logger.warn(`what came from sources is not kept: ${messageOf(error)}`));
    return this.writing;
  }

  private schedule(): void {
    this.timer ??= setTimeout(() => void this.flush(), FLUSH_MS).unref();
  }

  private async write(counts: readonly Count[], payloads: readonly Receipt[]): Promise<void> {
    const names = [...new Set([...counts, ...payloads].map(({ source }) => source))];
    if (names.length === 0) return;
    // In the order of their ids: two processes at once must not wait for each other.
    const sources = await this.database.rows<{ id: string; name: string }>(
      'SELECT id, name FROM sources WHERE name = ANY($1::text[]) ORDER BY id',
      [names],
      'receipts_sources',
    );
    for (const { id, name } of sources) {
      const spans = counts.filter(({ source }) => source === name);
      if (spans.length > 0) await this.writeCounts(id, spans);
      const some = payloads.filter(({ source }) => source === name);
      if (some.length > 0) await this.writePayloads(id, some);
    }
  }

  private async writeCounts(id: string, spans: readonly Count[]): Promise<void> {
    const lastSeenAt = new Date(Math.max(...spans.map((span) => span.lastSeenAt.getTime())));
    await this.database.rows(
      `INSERT INTO source_states (source_id, last_seen_at) SELECT id, $2 FROM sources WHERE id = $1
       ON CONFLICT (source_id) DO UPDATE SET last_seen_at = greatest(source_states.last_seen_at, excluded.last_seen_at)`,
      [id, lastSeenAt],
      'receipts_seen',
    );
    await this.database.rows(
      `INSERT INTO source_counts (source_id, at, alerts)
       SELECT s.id, u.at, u.alerts FROM sources s, unnest($2::timestamptz[], $3::int[]) AS u (at, alerts) WHERE s.id = $1
       ORDER BY u.at
       ON CONFLICT (source_id, at) DO UPDATE SET alerts = source_counts.alerts + excluded.alerts`,
      [id, spans.map(({ spanAt }) => new Date(spanAt)), spans.map(({ alerts }) => alerts)],
      'receipts_counts',
    );
    await this.database.rows(
      `DELETE FROM source_counts WHERE (source_id, at) IN (SELECT source_id, at FROM source_counts
         WHERE source_id = $1 AND at < $2::timestamptz - interval '5 minutes' FOR UPDATE SKIP LOCKED)`,
      [id, lastSeenAt],
      'receipts_counts_old',
    );
  }

  private async writePayloads(id: string, receipts: readonly Receipt[]): Promise<void> {
    await this.database.rows(
      `INSERT INTO source_payloads (id, source_id, at, format, status, payload, alerts, alert_ids, errors)
       SELECT u.id, s.id, u.at, u.format, u.status, u.payload, u.alerts,
         array(SELECT jsonb_array_elements_text(u.alert_ids)::uuid), u.errors
       FROM sources s, unnest($2::uuid[], $3::timestamptz[], $4::text[], $5::int[], $6::text[], $7::int[], $8::jsonb[], $9::jsonb[])
         AS u (id, at, format, status, payload, alerts, alert_ids, errors)
       WHERE s.id = $1`,
      [
        id,
        receipts.map(() => newId()),
        receipts.map(({ facts }) => facts.now),
        receipts.map(({ format }) => format),
        receipts.map(({ status }) => status),
        receipts.map(({ facts }) => shownPayload(facts)),
        receipts.map(({ taken }) => taken?.accepted.length ?? 0),
        receipts.map(({ taken }) => JSON.stringify(alertIdsOf(taken))),
        receipts.map((receipt) => JSON.stringify(errorsOf(receipt))),
      ],
      'receipts_payloads',
    );
    await this.database.rows(
      `DELETE FROM source_payloads WHERE id IN (SELECT id FROM source_payloads WHERE id IN (
         SELECT id FROM source_payloads WHERE source_id = $1 ORDER BY id DESC OFFSET $2) FOR UPDATE SKIP LOCKED)`,
      [id, RECENT],
      'receipts_payloads_old',
    );
  }

  /** When the source spoke last, and how many alerts it sent in the minute before. */
  async activity(id: string, now: Date): Promise<{ lastSeenAt?: Date; alertsPerMinute: number }> {
    await this.flush();
    const [row] = await this.database.rows<{ lastSeenAt: Date | null; alerts: number }>(
      `SELECT (SELECT last_seen_at FROM source_states WHERE source_id = $1) AS "lastSeenAt",
         (SELECT coalesce(sum(alerts), 0)::int FROM source_counts
           WHERE source_id = $1 AND at > $2::timestamptz - interval '1 minute') AS alerts`,
      [id, now],
    );
    return { lastSeenAt: row!.lastSeenAt ?? undefined, alertsPerMinute: row!.alerts };
  }

  /** The last payloads of a source, newest first, with what became of them. */
  async recent(id: string): Promise<object[]> {
    await this.flush();
    return this.database.rows(
      `SELECT p.at, p.format, p.status, p.payload, p.alerts AS "alertCount", p.errors,
         coalesce((SELECT jsonb_agg(jsonb_build_object('id', a.id, 'dedupKey', a.dedup_key, 'status', a.status, 'labels', a.labels,
             'matched', coalesce((SELECT jsonb_agg(jsonb_build_object('service', s.name, 'metric', m.metric) ORDER BY s.name, m.metric)
               FROM alert_matches m JOIN services s ON s.id = m.service_id WHERE m.alert_id = a.id), '[]')))
           FROM alerts a WHERE a.id = ANY(p.alert_ids)), '[]') AS alerts
       FROM source_payloads p WHERE p.source_id = $1 ORDER BY p.id DESC LIMIT $2`,
      [id, RECENT],
    );
  }
}

const alertIdsOf = (taken?: Taken): string[] => [
  ...new Set((taken?.accepted ?? []).slice(0, ALERTS_SHOWN).map(({ id }) => id)),
];

function errorsOf({ errors, taken }: Receipt): object[] {
  const all =
    errors ??
    (taken?.rejected ?? []).flatMap(({ index, errors }) => errors.map((one) => ({ index, ...one })));
  return all.slice(0, ERRORS_SHOWN);
}
