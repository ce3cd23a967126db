import { Injectable } from '@nestjs/common';
import { Database } from '../database/database';
import { Samples } from '../history/samples';
import type { CompiledService } from '../rules/compiled-service';
import { metricRolesOf, countingMetrics } from './metric-roles';
import { framesOfRecords, type Points, type Recorded, type Frame, type Span } from '../engine/frames';
import { own } from '../common/records';

/** Number of samples read at a time. */
const BATCH = 20_000;
const MAX_ALERTS = 100_000;

/** Recorded samples and alerts of a service, as a scenario. */
@Injectable()
export class Recordings {
  constructor(
    private readonly database: Database,
    private readonly recorded: Samples,
  ) {}

  /**
   * Yields the frames of what was recorded.
   *
   * @param countsNodes the simulation counts nodes itself, whatever was recorded of them
   */
  async *story(compiled: CompiledService, span: Span, countsNodes: boolean): AsyncGenerator<Frame> {
    const roles = metricRolesOf(compiled);
    const metrics = countsNodes
      ? roles.polledMetrics
      : [...roles.polledMetrics, ...countingMetrics(compiled)];
    const points = new Map<string, Points>();
    for (const metric of roles.alertMetrics) points.set(metric, await this.alerts(compiled, metric, span));
    yield* framesOfRecords(
      this.samples(compiled, metrics, span),
      { ...roles, polledMetrics: metrics, points },
      span,
    );
  }

  /** Yields samples, from as far back before `from` as the longest window looks. */
  private async *samples(
    { service, windows }: CompiledService,
    metrics: readonly string[],
    { from, to, everyMs = 1000 }: Span,
  ): AsyncGenerator<Recorded[]> {
    const bySeries = new Map(
      metrics.flatMap((metric) => {
        const series = own(service.series, metric);
        return series === undefined ? [] : [[series, metric] as const];
      }),
    );
    if (bySeries.size === 0) return;
    const longest = Math.max(0, ...windows.map(({ window }) => window.seconds)) * 1000;
    const batchMs = Math.max(1, Math.floor(BATCH / bySeries.size)) * everyMs;
    for (let after = from - longest; after < to + 1; after += batchMs) {
      const samples = await this.recorded.between(
        [...bySeries.keys()],
        new Date(after),
        new Date(Math.min(after + batchMs, to + 1)),
      );
      yield samples.map(({ series, at, value }) => ({
        metric: bySeries.get(series)!,
        at: at.getTime(),
        value,
      }));
    }
  }

  /** Returns the value of an `alert` metric over time: that of the newest alert that was current. */
  private async alerts(
    { service, alertMetrics }: CompiledService,
    metric: string,
    { from, to }: Span,
  ): Promise<Points> {
    const ttlSeconds = alertMetrics.find((one) => one.metric === metric)?.ttlSeconds ?? null;
    const rows = await this.database.rows<{ began: Date; ended: Date | null; value: number }>(
      `SELECT a.received_at AS began, coalesce(a.value, 1) AS value,
         CASE WHEN a.status = 'resolved' OR NOT a.is_current THEN a.last_seen_at
           ELSE least(a.ends_at, a.last_seen_at + make_interval(secs => coalesce($5, a.life_seconds))) END AS ended
       FROM alert_matches m JOIN alerts a ON a.id = m.alert_id
       WHERE m.service_id = $1 AND m.metric = $2 AND a.received_at <= $4
         AND (a.last_seen_at >= $3 OR a.is_current AND a.status = 'firing')
       ORDER BY a.received_at LIMIT ${MAX_ALERTS}`,
      [service.id, metric, new Date(from), new Date(to), ttlSeconds],
    );
    const lives = pointsOfLives(
      rows.map(({ began, ended, value }) => ({
        began: began.getTime(),
        ended: ended?.getTime() ?? Infinity,
        value,
      })),
    );
    const series = own(service.series, metric);
    if (series === undefined) return lives;
    const samples = await this.recorded.between([series], new Date(from), new Date(to + 1));
    const first = samples[0]?.at.getTime() ?? Infinity;
    // Each number that was sent is a sample; of the time before there were any, alerts know since when they fire.
    return [
      ...lives.filter(([at]) => at < first),
      ...samples.slice(0, MAX_ALERTS).map(({ at, value }): [number, number] => [at.getTime(), value]),
    ];
  }
}

interface Life {
  began: number;
  ended: number;
  value: number;
}

/** Returns the value at each begin and end of an alert: that of the newest current alert, 0 when there is none. */
export function pointsOfLives(lives: readonly Life[]): Points {
  const moments = [...new Set(lives.flatMap(({ began, ended }) => [began, ended]))]
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  const living: Life[] = [];
  let next = 0;
  return moments.map((at): [number, number] => {
    while (next < lives.length && lives[next]!.began <= at) living.push(lives[next++]!);
    while (living.length > 0 && living.at(-1)!.ended <= at) living.pop();
    return [at, living.findLast(({ ended }) => ended > at)?.value ?? 0];
  });
}
