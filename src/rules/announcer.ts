import { Injectable, Logger } from '@nestjs/common';
import { tellAhead } from '../common/moments-ahead';
import { telemetry } from '../common/telemetry';
import type { ClaimedExecution } from '../queue/claimed-execution';
import { Queues } from '../queue/queues';
import type { LedgerEntry } from './ledger-entry';
import { latestOf } from './service-observation';

/** Largest number of services that a line of the log names. */
const NAMED = 5;

/** Tells what was decided once it is committed: logs and counts it, and puts on the queues what is to be done. */
@Injectable()
export class Announcer {
  private readonly logger = new Logger('Rules');

  constructor(private readonly queues: Queues) {}

  /** @param begun executions that have begun with their decision and need no queue */
  async announce(entries: readonly LedgerEntry[], begun: readonly ClaimedExecution[]): Promise<void> {
    for (const entry of entries) this.log(entry);
    const ahead = entries.flatMap(({ wasAhead, compiled }) => (wasAhead ? [compiled.service.name] : []));
    if (ahead.length > 0) tellAhead('state', `the states of ${someOf(ahead)}`, ahead.length);
    const now = latestOf(entries);
    await Promise.all([
      this.queues.addExecutions(queuedOf(entries, begun), now),
      this.queues.addServices(momentsOf(entries), now),
    ]);
  }

  private log({ compiled, state, opensInterval, explanation, trigger, effect, at }: LedgerEntry): void {
    const service = compiled.service.name;
    if (effect !== undefined) {
      telemetry.effects.inc({ outcome: effect.outcome });
      this.logger.log({ msg: effect.explanation, service, effect: effect.outcome });
    }
    if (!opensInterval) return;
    if (trigger?.kind === 'breach') telemetry.triggers.inc({ mode: compiled.rule.mode });
    this.logger.log({
      msg: trigger?.justification ?? explanation,
      service,
      phase: state.phase,
      reason: state.reason,
      at,
      ...(trigger ? { trigger: trigger.id, executions: trigger.executions.map(({ id }) => id) } : {}),
    });
  }
}

function queuedOf(
  entries: readonly LedgerEntry[],
  begun: readonly ClaimedExecution[],
): { id: string; tries: number }[] {
  const running = new Set(begun.map(({ id }) => id));
  return entries.flatMap(({ trigger, compiled }) => {
    if (trigger === undefined) return [];
    const acting =
      compiled.rule.mode === 'auto' ? trigger.executions.filter(({ id }) => !running.has(id)) : [];
    return [...acting, ...trigger.requests].map(({ id }) => ({ id, tries: 0 }));
  });
}

const momentsOf = (entries: readonly LedgerEntry[]): { id: string; at: Date }[] =>
  entries.flatMap(({ compiled, nextMoment: at }) =>
    at === undefined ? [] : [{ id: compiled.service.id, at: new Date(at) }],
  );

const someOf = (names: readonly string[]): string =>
  names.length <= NAMED
    ? names.join(', ')
    : `${names.slice(0, NAMED).join(', ')} and ${names.length - NAMED} more`;
