import { Inject, Injectable } from '@nestjs/common';
import { Matcher, type Match } from '../alerts/matcher';
import { CLOCK, type Clock } from '../common/clock';
import { tracer } from '../common/tracing';
import { Database } from '../database/database';
import { Queues } from '../queue/queues';
import type { ServiceSnapshot } from './compiled-service';
import { Evaluator } from './evaluator';
import { Observer } from './observer';
import { PushedSamples } from './pushed-samples';
import { ServiceLoader } from './service-loader';
import { FORGET_CHANGES, keepMatches, readLiving } from './sql/alerts';

/**
 * Largest number of current alerts that are matched with a new or changed service; others match when they are received
 * again.
 */
const MAX_LIVING = 10_000;

/** Time after which a service is evaluated again that waited for the job of an alert, milliseconds. */
const AGAIN_MS = 1_000;

/** Evaluates services without a poll or an alert: their next moment has come, or their definition has changed. */
@Injectable()
export class DueServices {
  constructor(
    private readonly database: Database,
    private readonly loader: ServiceLoader,
    private readonly observer: Observer,
    private readonly evaluator: Evaluator,
    private readonly pushed: PushedSamples,
    private readonly queues: Queues,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Evaluates services whose next moment has come or whose definition is new, after matching current alerts with new
   * ones.
   */
  async take(ids: readonly string[]): Promise<void> {
    const snapshot = await this.loader.byIds(ids);
    const fresh = snapshot.filter(({ compiled, state }) => state?.ruleKey !== compiled.rule.key);
    await this.matchLiving(fresh);
    // A service with polls is evaluated by them; what concerns it at once is that it was switched off.
    const due = snapshot.filter(({ compiled }) => !compiled.service.polled || !compiled.service.enabled);
    const now = this.clock.now();
    const known = await this.observer.known(due, now);
    if (tracer() !== undefined)
      for (const one of known) if (one.snapshot.trace !== undefined) one.traces = [one.snapshot.trace];
    // Where an alert's life is over, its number is. One that is only being matched to a new service has not ended.
    const silent = known.flatMap(({ alerts, snapshot: { compiled, nextMoment } }) =>
      alerts.length === 0 && (nextMoment ?? Infinity) <= now.getTime() ? [compiled] : [],
    );
    const [again] = await Promise.all([
      this.evaluator.evaluate(known),
      this.pushed.writeExpired(silent, now),
    ]);
    const at = new Date(now.getTime() + AGAIN_MS);
    await this.queues.addServices(
      again.map((id) => ({ id, at })),
      now,
    );
    await this.forgetChanges(ids, snapshot, new Set(again));
  }

  /**
   * Deletes the recorded changes of services that were evaluated in their current version; a service that can't be
   * evaluated is not tried again for the same change.
   */
  private async forgetChanges(
    ids: readonly string[],
    snapshot: readonly ServiceSnapshot[],
    open: ReadonlySet<string>,
  ): Promise<void> {
    const versions = new Map(snapshot.map(({ compiled: { service } }) => [service.id, service.version]));
    const done = ids.filter((id) => !open.has(id));
    await FORGET_CHANGES.rows(
      this.database.keyed,
      done.map((id) => ({ id, version: versions.get(id) ?? null })),
    );
  }

  private async matchLiving(snapshot: readonly ServiceSnapshot[]): Promise<void> {
    const subscriptions = snapshot.flatMap(({ compiled: { service, alertMetrics } }) =>
      alertMetrics.map(({ metric, ttlSeconds, valuePath, sources }) => ({
        service: service.id,
        metric,
        match: (service.metrics[metric]!.params.match ?? {}) as Match,
        ttlSeconds,
        valuePath,
        sources,
      })),
    );
    if (subscriptions.length === 0) return;
    const wantsRaw = subscriptions.some(({ valuePath }) => valuePath !== undefined);
    const living = await readLiving(this.database, this.clock.now(), MAX_LIVING, wantsRaw);
    const matcher = new Matcher(subscriptions);
    await keepMatches(
      this.database.keyed,
      living.flatMap(({ id, labels, source }) =>
        matcher.matches(labels, source).map((subscription) => ({ alert: id, ...subscription })),
      ),
      living,
    );
  }
}
