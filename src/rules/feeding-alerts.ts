import { Injectable } from '@nestjs/common';
import { AlertValues, type AlertValue } from '../alerts/alert-values';
import type { Sql } from '../database/sql-pool';
import { ALERTS_TOLD } from './alerts-told';
import type { EntryTrigger, LedgerEntry } from './ledger-entry';
import { latestOf, toldOf, type ServiceObservation } from './service-observation';

/** Trigger of a service that alerts feed. */
interface FedTrigger {
  trigger: EntryTrigger;
  service: string;
}

/** Reads the alerts that feed services, in the transaction that decides. */
@Injectable()
export class FeedingAlerts {
  constructor(private readonly alertValues: AlertValues) {}

  /**
   * Reads the alerts that feed services now. The number of other alerts is not read for a service that is about one
   * alert.
   */
  async of(
    sql: Sql,
    observations: readonly ServiceObservation[],
  ): Promise<ReadonlyMap<string, AlertValue[]>> {
    const metricsOf = (some: readonly ServiceObservation[]) =>
      some.flatMap(({ snapshot }) => snapshot.compiled.alertMetrics);
    const isAboutOne = ({ newcomer }: ServiceObservation) => newcomer !== undefined;
    const now = latestOf(observations);
    const [all, newest] = await Promise.all([
      this.alertValues.of(metricsOf(observations.filter((one) => !isAboutOne(one))), now, sql),
      this.alertValues.ofNewest(metricsOf(observations.filter(isAboutOne)), now, sql),
    ]);
    return newest.size === 0 ? all : new Map([...all, ...newest]);
  }

  /**
   * Adds to triggers all alerts that feed them, where only the newest of each metric were at hand; to a recovery, the
   * alerts of the last trigger.
   */
  async complete(sql: Sql, entries: readonly LedgerEntry[]): Promise<void> {
    const fed = entries.flatMap(({ trigger, compiled }): FedTrigger[] =>
      trigger === undefined || compiled.alertMetrics.length === 0
        ? []
        : [{ trigger, service: compiled.service.id }],
    );
    const open = fed.filter(({ trigger }) => !isOver(trigger) && trigger.toldTotal > trigger.told.length);
    const over = fed.filter(({ trigger }) => isOver(trigger));
    if (open.length + over.length === 0) return;
    const servicesOf = (some: readonly FedTrigger[]) => some.map(({ service }) => service);
    const [ofOpen, ofOver] = await Promise.all([
      this.alertValues.allOf(servicesOf(open), latestOf(entries), ALERTS_TOLD, sql),
      this.alertValues.ofLastTriggers(servicesOf(over), ALERTS_TOLD, sql),
    ]);
    for (const { trigger, service } of fed) {
      const found = ofOpen.get(service) ?? ofOver.get(service);
      if (found === undefined) continue;
      trigger.told = found.alerts.map(toldOf);
      trigger.toldTotal = found.total;
    }
  }
}

const isOver = ({ kind }: EntryTrigger): boolean => kind === 'recovery';
