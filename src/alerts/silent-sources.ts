import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import { Recurring } from '../common/periodic';
import { Database } from '../database/database';
import { Statement } from '../database/statement';
import type { IncomingAlert } from './alert';
import { AlertIngest } from './alert-ingest';

const EVERY_MS = 2_000;
/** Time without a check after which nothing can be said about silences before, seconds. */
const BLIND_SECONDS = 30;
/** Source and format of monscale's own alerts. */
const OWN = { name: 'monscale', format: 'native' };
const KEY = 'source_silent ';

/** A source that must not be silent. */
export interface Watched {
  id: string;
  name: string;
  silentAfterSeconds: number;
  lastSeenAt: Date;
}

/** Reads the sources that must not be silent, and when they last sent. */
const WATCHED = new Statement<Watched>(
  'silent_sources',
  `SELECT s.id, s.name, s.silent_after_seconds AS "silentAfterSeconds", coalesce(t.last_seen_at, s.updated_at) AS "lastSeenAt"
   FROM sources s LEFT JOIN source_states t ON t.source_id = s.id WHERE s.silent_after_seconds IS NOT NULL`,
);

/** Reads which silences are alerts now. */
const RAISED = new Statement<{ id: string; at: Date }>(
  'silent_raised',
  `SELECT substr(dedup_key, $2) AS id, at FROM alerts
   WHERE source = $1 AND is_current AND status = 'firing' AND starts_with(dedup_key, $3)`,
);

/** Notes that silences are checked now, and reads since when without a gap. */
const WATCH = new Statement<{ since: Date }>(
  'silence_watch',
  `UPDATE silence_watch SET until = greatest(until, $1),
     since = CASE WHEN until < $1::timestamptz - make_interval(secs => $2) THEN $1 ELSE since END
   RETURNING since`,
);

/** Raises an alert for each source that is silent for longer than it may be, until it sends again. */
@Injectable()
export class SilentSources extends Recurring {
  constructor(
    private readonly database: Database,
    private readonly ingest: AlertIngest,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    super(EVERY_MS);
  }

  override async round(): Promise<void> {
    const now = this.clock.now();
    const sources = await WATCHED.rows(this.database);
    const raised = await this.raised();
    if (sources.length + raised.size === 0) return;
    const alerts = silences(sources, raised, await this.watchedSince(now), now);
    if (alerts.length > 0) await this.ingest.accept(OWN, alerts);
  }

  /** Returns the start of each silence that is an alert now, by source. */
  private async raised(): Promise<Map<string, Date>> {
    const rows = await RAISED.rows(this.database, [OWN.name, KEY.length + 1, KEY]);
    return new Map(rows.map(({ id, at }) => [id, at]));
  }

  /** Returns the moment since which silences are checked without a gap, by any scheduler. */
  private async watchedSince(now: Date): Promise<Date> {
    const [row] = await WATCH.rows(this.database, [now, BLIND_SECONDS]);
    return row!.since;
  }
}

/**
 * Returns alerts that begin or end by the silence of sources. Each silence begins at one moment, whichever process
 * finds it: it is one alert.
 *
 * @param raised when each silence that is an alert now began, by source
 * @param watchedSince nothing can be said of the time before
 */
export function silences(
  sources: readonly Watched[],
  raised: ReadonlyMap<string, Date>,
  watchedSince: Date,
  now: Date,
): IncomingAlert[] {
  const begun = sources.flatMap(({ id, name, silentAfterSeconds, lastSeenAt }) => {
    const heard = Math.max(lastSeenAt.getTime(), watchedSince.getTime());
    const at = new Date(heard + silentAfterSeconds * 1000);
    if (at > now || raised.has(id)) return [];
    return [
      {
        dedupKey: KEY + id,
        status: 'firing' as const,
        labels: { alertname: 'source_silent', source: name },
        annotations: { summary: `nothing came from ${name} for ${silentAfterSeconds} s` },
        at,
      },
    ];
  });
  const byId = new Map(sources.map((source) => [source.id, source]));
  const ended = [...raised].flatMap(([id, at]) => {
    const source = byId.get(id);
    // It spoke after that, or nobody asks any more.
    const isOver = source === undefined || source.lastSeenAt > at;
    return isOver ? [{ dedupKey: KEY + id, status: 'resolved' as const, labels: {}, annotations: {} }] : [];
  });
  return [...begun, ...ended];
}
