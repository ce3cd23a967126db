import { Inject, Injectable, Logger } from '@nestjs/common';
import type { AlertSource, IncomingAlert } from '../alerts/alert';
import { LocalAlertDispatch } from '../alerts/local-alert-dispatch';
import { AlertValues, START_ALONE } from '../alerts/alert-values';
import type { KeptAlert } from '../alerts/dedup';
import { documentOf } from '../alerts/formats/kept-payload';
import { TOLERANCE_MS } from '../alerts/report-order';
import { Subscriptions } from '../alerts/subscriptions';
import { CLOCK, type Clock } from '../common/clock';
import { messageOf } from '../common/errors';
import { numberAt } from '../common/json-path';
import type { Sample } from '../history/sample-rows';
import { SampleWriter } from '../history/sample-writer';
import { Samples } from '../history/samples';
import type { CompiledService } from './compiled-service';
import { ServiceLoader } from './service-loader';

/** Time back in which the last number is looked for, milliseconds. */
const LOOK_BACK_MS = 7 * 86_400_000;

/** An alert that carries a number. */
export type Pushed = Pick<
  KeptAlert,
  'status' | 'value' | 'labels' | 'annotations' | 'raw' | 'at' | 'reportedAt' | 'lastSeenAt' | 'revision'
> & { format: string };

/** An alert and the metric it feeds. */
export interface PushedMatch {
  alert: Pushed;
  service: string;
  metric: string;
}

/**
 * Writes samples of metrics that alerts feed: each number at its own time, or else at that of its receipt, and a 0 when
 * no alert is current any more.
 */
@Injectable()
export class PushedSamples {
  private readonly logger = new Logger('Samples');

  constructor(
    private readonly subscriptions: Subscriptions,
    private readonly loader: ServiceLoader,
    private readonly alertValues: AlertValues,
    private readonly samples: Samples,
    private readonly writer: SampleWriter,
    dispatch: LocalAlertDispatch,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    dispatch.offerRepeats((source, alerts) => {
      this.repeated(source, alerts).catch((error) =>
        this.logger.warn(`numbers of alerts that were sent again are not kept: ${messageOf(error)}`),
      );
    });
  }

  /** Writes the numbers of firing alerts; false when they are not written now. */
  write(matches: readonly PushedMatch[], services: ReadonlyMap<string, CompiledService>): Promise<boolean> {
    return this.writer.write(
      matches.flatMap(({ alert, service, metric }): Sample[] => {
        const fed = services.get(service)?.alertMetrics.find((one) => one.metric === metric);
        if (fed === undefined || alert.status !== 'firing') return [];
        const value =
          fed.valuePath === undefined ? (alert.value ?? 1) : numberAt(fed.valuePath, documentOf(alert));
        if (value === undefined) return [];
        return [{ series: services.get(service)!.service.series[metric]!, at: valueTimeOf(alert), value }];
      }),
    );
  }

  /** Writes the values of metrics after an alert for them has ended: that of the newest current alert, or 0. */
  async writeEnds(compiled: readonly CompiledService[], at: Date): Promise<void> {
    const metrics = compiled.flatMap(({ alertMetrics }) => alertMetrics);
    if (metrics.length === 0) return;
    const living = await this.alertValues.ofNewest(metrics, at);
    const samples = compiled.flatMap(({ service, alertMetrics }): Sample[] =>
      alertMetrics.flatMap(({ metric }): Sample[] => {
        const lives = living.get(service.id)?.find((one) => one.metric === metric);
        const value = lives === undefined ? 0 : lives.value;
        return value === undefined ? [] : [{ series: service.series[metric]!, at, value }];
      }),
    );
    await this.writer.write(samples);
  }

  /** Writes the values of metrics whose alert may have ended by the end of its life, without a message. */
  async writeExpired(compiled: readonly CompiledService[], at: Date): Promise<void> {
    const fed = compiled.filter(({ alertMetrics }) => alertMetrics.length > 0);
    const seriesOf = ({ service, alertMetrics }: CompiledService) =>
      alertMetrics.map(({ metric }) => service.series[metric]!);
    const since = new Date(at.getTime() - LOOK_BACK_MS);
    const latest = await this.samples.latest(fed.flatMap(seriesOf), since, at);
    const isOpen = (one: CompiledService) =>
      seriesOf(one).some((series) => (latest.get(series)?.value ?? 0) !== 0);
    await this.writeEnds(fed.filter(isOpen), at);
  }

  private async repeated({ name, format }: AlertSource, alerts: readonly IncomingAlert[]): Promise<void> {
    const { matcher } = await this.subscriptions.current();
    const at = this.clock.now();
    const matches = alerts.flatMap((alert): PushedMatch[] => {
      const pushed = pushedOf(alert, format, at);
      if (alert.serviceId !== undefined)
        return [{ alert: pushed, service: alert.serviceId, metric: alert.metric! }];
      return matcher
        .matches(alert.labels, name)
        .map(({ service, metric }) => ({ alert: pushed, service, metric }));
    });
    if (matches.length === 0) return;
    const snapshot = await this.loader.byIds([...new Set(matches.map(({ service }) => service))]);
    await this.write(matches, new Map(snapshot.map(({ compiled }) => [compiled.service.id, compiled])));
  }
}

/** Returns the time of a number: its sender's, unless it is too far ahead; else that of its receipt. */
export function valueTimeOf({ value, format, at, reportedAt, lastSeenAt, revision }: Pushed): Date {
  // Another number without a time of its own has changed an alert whose first one had it.
  const isOwn = !START_ALONE.includes(format) && revision === 1 && reportedAt.getTime() === at.getTime();
  const isStart = value === null && at <= lastSeenAt;
  const time = isOwn || isStart ? at : lastSeenAt;
  return time.getTime() > lastSeenAt.getTime() + TOLERANCE_MS ? lastSeenAt : time;
}

function pushedOf(alert: IncomingAlert, format: string, now: Date): Pushed {
  const { status, value = null, labels, annotations, raw = null, saidAt } = alert;
  const at = saidAt ?? now;
  return {
    status,
    value,
    labels,
    annotations,
    raw,
    format,
    at,
    reportedAt: saidAt ?? new Date(0),
    lastSeenAt: now,
    revision: 1,
  };
}
