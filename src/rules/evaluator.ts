import { Inject, Injectable, Logger } from '@nestjs/common';
import { AlertValues, type AlertValue } from '../alerts/alert-values';
import { CLOCK, type Clock } from '../common/clock';
import { messageOf, Unavailable } from '../common/errors';
import { newId } from '../common/ids';
import { AHEAD_AT_MOST_MS, tellAhead } from '../common/moments-ahead';
import { telemetry } from '../common/telemetry';
import { CONFIG, type Config } from '../config/config';
import { Database } from '../database/database';
import type { Sql } from '../database/sql-pool';
import type { InfrastructureRow } from '../database/entities';
import type { ClaimedExecution } from '../queue/claimed-execution';
import { LocalDispatch, type SlotReservation } from '../queue/local-dispatch';
import { Queues } from '../queue/queues';
import type { Count } from '../engine/asked';
import { evaluate, initialState, nextMoment, NEVER_SCALED, scaled, type Decided } from '../engine/evaluate';
import { isAhead, scalingsBy, setBack } from '../engine/moments';
import type { Capacity, Observation, Outcome, Scalings, State } from '../engine/types';
import { effectText, escalationOf, toldOf } from './explanation';
import {
  ALERTS_TOLD,
  askOf,
  Ledger,
  type LedgerEntry,
  type LockedInfrastructures,
  type LockedState,
} from './ledger';
import { Observer } from './observer';
import { RuleBook, type CompiledService } from './rule-book';
import { fedBy, toldOf as toldAlert, valuesOf, type ServiceObservation } from './service-observation';
import { own } from '../common/records';

/** Work of the caller in the transaction of a commit; its errors undo the transaction. */
export type Alongside = (sql: Sql) => Promise<unknown>;

/** Counts of nodes by infrastructure, or why there is none. */
type Counts = Map<string, Count | { error: string }>;

/** An observation that may change something. */
interface Candidate {
  observation: ServiceObservation;
  /** Infrastructure whose nodes must be counted before the rule can be decided. */
  counts?: InfrastructureRow;
}

/**
 * Facts read under the locks; an evaluation without them takes it that no wisdom time or freeze of the infrastructure
 * stands in the way.
 */
interface Known {
  capacity?: Capacity;
  scalings?: Scalings;
  killSwitch?: boolean;
}

/** Entries that a commit wrote, and the executions that began with it. */
interface Committed {
  entries: LedgerEntry[];
  begun: ClaimedExecution[];
  /** Services that wait for the job of an alert. */
  waiting: string[];
}

/** A trigger turned out to need a count that was not taken before the locks. */
class CountNeeded extends Error {
  constructor(readonly infrastructures: InfrastructureRow[]) {
    super('nodes must be counted first');
  }
}

/** A service whose evaluation failed. */
class Unevaluable extends Error {
  constructor(
    readonly observation: ServiceObservation,
    cause: unknown,
  ) {
    super('a service can not be evaluated', { cause });
  }
}

/** Largest number of remembered skipped services; when it is reached they are forgotten and logged again. */
const SKIPPED_AT_MOST = 1_000;

/** Largest number of rounds of counting, locking and evaluating again; more mean that rules change all the time. */
const MAX_ROUNDS = 4;

/**
 * Evaluates observations and commits what follows.
 *
 * - Each is evaluated on its snapshot without locks; what changes nothing ends here. Then nodes are counted.
 * - In one transaction services are locked in the order of ids, then infrastructures; states and alerts are read again,
 *   the rule is evaluated again, and state, ledger, triggers and executions are written.
 * - When a count turns out to be missing, all is undone, counted and repeated. A service whose evaluation fails is left
 *   out.
 *
 * Always: no target is asked under a lock, and what is written follows from what was read under the locks.
 */
@Injectable()
export class Evaluator {
  private readonly logger = new Logger('Rules');
  /** Services logged as skipped: id -> version. */
  private readonly skipped = new Map<string, number>();

  constructor(
    private readonly database: Database,
    private readonly ruleBook: RuleBook,
    private readonly ledger: Ledger,
    private readonly alertValues: AlertValues,
    private readonly observer: Observer,
    private readonly queues: Queues,
    private readonly dispatch: LocalDispatch,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Evaluates polled observations.
   *
   * @returns ids of services left to the job of an alert, which may have looked for services before these existed
   */
  async evaluate(observation: readonly ServiceObservation[]): Promise<string[]> {
    const left = observation.filter(isLeftToAlert).map(({ snapshot }) => snapshot.compiled.service.id);
    const candidates = observation.flatMap((one) => (isLeftToAlert(one) ? [] : this.candidateOrNone(one)));
    // An infrastructure that takes long to be counted holds up its own services alone.
    const groups = new Map<string | undefined, Candidate[]>();
    for (const one of candidates) {
      const group = groups.get(one.counts?.id);
      if (group === undefined) groups.set(one.counts?.id, [one]);
      else group.push(one);
    }
    const waiting = await Promise.all([...groups.values()].map((group) => this.settle(group)));
    return [...left, ...waiting.flat()];
  }

  /**
   * Evaluates services that new alerts concern, always under the locks: news come once, and the snapshot may be
   * outdated.
   */
  async evaluateNews(observation: readonly ServiceObservation[], alongside: Alongside): Promise<void> {
    await this.settle(
      observation.map((one) => ({ observation: one })),
      alongside,
    );
  }

  /** Records that nobody has evaluated services since they were last observed. */
  async tellStale(observation: readonly ServiceObservation[]): Promise<void> {
    if (observation.length > 0) await this.settle(observation.map((one) => ({ observation: one })));
  }

  private async settle(candidates: readonly Candidate[], alongside?: Alongside): Promise<string[]> {
    const counts: Counts = new Map();
    let observation = candidates.map((one) => one.observation);
    await this.countAll(
      candidates.flatMap((one) => one.counts ?? []),
      counts,
    );
    for (let round = 1; ; round++) {
      const places = this.dispatch.places();
      try {
        const { entries, begun, waiting } = await this.database.keyed.transaction((sql) =>
          this.commit(sql, observation, counts, places, alongside),
        );
        places.begin(begun);
        await this.announce(entries, begun);
        return waiting;
      } catch (error) {
        if (error instanceof Unevaluable) {
          // The others are committed without it.
          this.skip(error.observation, error.cause);
          observation = observation.filter((one) => one !== error.observation);
          round--;
          continue;
        }
        if (!(error instanceof CountNeeded) || round === MAX_ROUNDS) throw error;
        await this.countAll(error.infrastructures, counts);
      } finally {
        places.end();
      }
    }
  }

  /** Decides on current data, without committing anything. */
  async preview(observation: ServiceObservation): Promise<Decided> {
    const counts: Counts = new Map();
    const { infrastructure } = observation.snapshot.compiled;
    const wanted = infrastructure ? [infrastructure] : [];
    await this.countAll(wanted, counts);
    const remembered = await this.ledger.lookAt(wanted.map((row) => row.id));
    const known = {
      capacity: capacityOf(observation, counts, remembered),
      scalings: this.scalingsInTime(observation, remembered.of(infrastructure?.id)),
    };
    const outcome = this.decide(observation, this.inTime(observation, observation.snapshot.state), known);
    if (outcome.needs) throw new Unavailable('the nodes could not be counted');
    return outcome;
  }

  /** Returns the candidate for an observation; none where nothing changes or the service can't be evaluated. */
  private candidateOrNone(observation: ServiceObservation): Candidate[] {
    try {
      return [this.candidate(observation)].filter((one) => one !== undefined);
    } catch (error) {
      this.skip(observation, error);
      return [];
    }
  }

  private skip({ snapshot }: ServiceObservation, error: unknown): void {
    const { id, name, version } = snapshot.compiled.service;
    telemetry.servicesSkipped.inc();
    if (this.skipped.get(id) === version) return;
    if (this.skipped.size >= SKIPPED_AT_MOST) this.skipped.clear();
    this.skipped.set(id, version);
    this.logger.error(`service ${name} is skipped: it can't be evaluated: ${messageOf(error)}`);
  }

  /** Evaluates on the snapshot; undefined when nothing changes. */
  private candidate(observation: ServiceObservation): Candidate | undefined {
    const { nextMoment, compiled } = observation.snapshot;
    const state = this.inTime(observation, observation.snapshot.state);
    const outcome = this.decide(observation, state);
    if (outcome.needs) return { observation, counts: compiled.infrastructure };
    if (state === undefined || state !== observation.snapshot.state || outcome.changed)
      return { observation };
    telemetry.evaluations.inc({ reason: outcome.state.reason });
    return this.momentOf(observation, outcome.state) === nextMoment ? undefined : { observation };
  }

  /**
   * Returns the state without moments in the future, which a clock that was ahead has written; the same object when
   * there are none.
   */
  private inTime({ at }: Pick<ServiceObservation, 'at'>, state: State | undefined): State | undefined {
    const now = this.clock.now().getTime();
    if (state === undefined || !isAhead(state, now + AHEAD_AT_MOST_MS)) return state;
    return setBack(state, Math.min(now, at.getTime()) - 1);
  }

  private scalingsInTime({ at }: ServiceObservation, scalings: Scalings | undefined): Scalings | undefined {
    const now = this.clock.now().getTime();
    return scalings && scalingsBy(scalings, now + AHEAD_AT_MOST_MS, Math.min(now, at.getTime()) - 1);
  }

  private decide(observation: ServiceObservation, state: State | undefined, known: Known = {}): Outcome {
    const { rule } = observation.snapshot.compiled;
    const now = observation.at.getTime();
    return evaluate(rule, state ?? initialState(rule, now), this.observe(observation, known), now);
  }

  private observe(observation: ServiceObservation, known: Known): Observation {
    const { values, errors, previousAt, news } = observation;
    const { scalings, capacity } = known;
    return {
      values,
      errors,
      previousAt,
      isStale: observation.stale !== undefined,
      isBlind: isBlind(observation),
      news,
      killSwitch: this.isOff(observation, known),
      scalings,
      capacity,
    };
  }

  private isOff({ snapshot }: ServiceObservation, { killSwitch }: Known): boolean {
    return this.config.killSwitch || (killSwitch ?? snapshot.killSwitch);
  }

  private momentOf(observation: ServiceObservation, state: State, known: Known = {}): number | undefined {
    // Where alerts alone feed it, whoever sweeps goes on asking for the look that nobody has taken.
    if (observation.stale !== undefined)
      return observation.snapshot.compiled.service.polled
        ? undefined
        : (observation.snapshot.nextMoment ?? observation.at.getTime());
    const facts = this.observe(observation, known);
    const { rule } = observation.snapshot.compiled;
    const moment = nextMoment(rule, state, facts, observation.lifeEndsAt, observation.at.getTime());
    return rule.enabled ? earlierOf(moment, windowMovesAt(observation, state)) : moment;
  }

  /** Counts nodes of infrastructures, before any lock is taken: a count may take as long as its target does. */
  private async countAll(infrastructures: readonly InfrastructureRow[], counts: Counts): Promise<void> {
    const distinct = new Map(infrastructures.map((row) => [row.id, row]));
    await Promise.all(
      [...distinct.values()].map(async (row) => {
        try {
          const { nodes, at } = await this.ruleBook.countNodes(row);
          counts.set(row.id, { nodes, at: at.getTime() });
        } catch (error) {
          counts.set(row.id, { error: messageOf(error) });
        }
      }),
    );
  }

  private async commit(
    sql: Sql,
    candidates: readonly ServiceObservation[],
    counts: Counts,
    places: SlotReservation,
    alongside?: Alongside,
  ): Promise<Committed> {
    const [locked, , feeding] = await Promise.all([
      this.ledger.lock(
        sql,
        candidates.map(({ snapshot }) => snapshot.compiled.service),
      ),
      alongside?.(sql),
      this.feeding(sql, candidates),
    ]);
    const limited = candidates.flatMap(({ snapshot: { compiled } }) =>
      compiled.rule.scaling && compiled.infrastructure && counts.has(compiled.infrastructure.id)
        ? [compiled.infrastructure]
        : [],
    );
    const infrastructures = await this.ledger.lockInfrastructures(sql, limited);

    const caught = candidates.map((one) => {
      const { service } = one.snapshot.compiled;
      const before = locked.get(service.id);
      const state = this.inTime(one, before?.state);
      if (before !== undefined && state !== before.state) {
        before.state = state;
        before.wasAhead = true;
      }
      return caughtUp(one, state, feeding);
    });
    const looked = await this.observer.throughAlertWindows(caught, maxOf(candidates));
    const fed = new Map(candidates.map((one, index) => [one, looked[index]!]));
    const entries: LedgerEntry[] = [];
    const uncounted: InfrastructureRow[] = [];
    const waiting: string[] = [];
    for (const candidate of shadowsFirst(candidates)) {
      const { compiled } = candidate.snapshot;
      const before = locked.get(compiled.service.id);
      // Deleted, or changed since it was read: what was seen belongs to another rule.
      if (before === undefined || before.version !== compiled.service.version) continue;
      const observation = fed.get(candidate)!;
      if (isOvertaken(observation, before.state)) continue;
      // Somebody has looked meanwhile.
      if (observation.stale !== undefined && before.decisionId !== observation.stale.decision) continue;
      if (alongside === undefined && observation.stale === undefined && isLeftToAlert(observation)) {
        waiting.push(compiled.service.id);
        continue;
      }
      const outcome = this.outcome(candidate, observation, before, counts, infrastructures);
      if (outcome === 'uncounted') uncounted.push(compiled.infrastructure!);
      else if (outcome !== undefined) entries.push(outcome);
    }
    if (uncounted.length > 0) throw new CountNeeded(uncounted);
    await this.completeAlerts(sql, entries);
    return { entries, begun: await this.ledger.write(sql, entries, infrastructures, places), waiting };
  }

  /**
   * Reads the alerts that feed the services. The number of other alerts is not read for a service that is about one
   * alert.
   */
  private async feeding(
    sql: Sql,
    candidates: readonly ServiceObservation[],
  ): Promise<ReadonlyMap<string, AlertValue[]>> {
    const metricsOf = (some: readonly ServiceObservation[]) =>
      some.flatMap(({ snapshot }) => snapshot.compiled.alertMetrics);
    const isAboutOne = ({ newcomer }: ServiceObservation) => newcomer !== undefined;
    const now = maxOf(candidates);
    const [all, newest] = await Promise.all([
      this.alertValues.of(metricsOf(candidates.filter((one) => !isAboutOne(one))), now, sql),
      this.alertValues.ofNewest(metricsOf(candidates.filter(isAboutOne)), now, sql),
    ]);
    return newest.size === 0 ? all : new Map([...all, ...newest]);
  }

  /**
   * Evaluates under the locks and returns what is to be written; undefined when nothing changes.
   *
   * @throws Unevaluable
   */
  private outcome(
    candidate: ServiceObservation,
    observation: ServiceObservation,
    before: LockedState,
    counts: Counts,
    infrastructures: LockedInfrastructures,
  ): LedgerEntry | 'uncounted' | undefined {
    const { compiled } = candidate.snapshot;
    try {
      const infrastructureId = compiled.infrastructure?.id ?? '';
      const known = {
        capacity: capacityOf(observation, counts, infrastructures),
        scalings: this.scalingsInTime(observation, infrastructures.of(infrastructureId)),
        killSwitch: before.killSwitch,
      };
      const { scalings } = known;
      const outcome = this.decide(observation, before.state, known);
      if (outcome.needs) return 'uncounted';
      telemetry.evaluations.inc({ reason: outcome.state.reason });
      if (outcome.freezesUntil !== undefined && compiled.rule.mode !== 'shadow') {
        known.scalings = { ...(scalings ?? NEVER_SCALED), frozenUntil: outcome.freezesUntil };
        infrastructures.remember(infrastructureId, known.scalings);
      }
      const moment = this.momentOf(observation, outcome.state, known);
      const { wasAhead } = before;
      const isSteady = !outcome.changed && before.state !== undefined && moment === before.nextMoment;
      if (isSteady && wasAhead !== true) return undefined;
      // A shadow's trigger is nobody's: it takes no place and begins no wisdom time but its own.
      if (outcome.trigger?.nodes && compiled.rule.mode !== 'shadow') {
        const { direction } = compiled.rule.scaling!;
        const after = scaled(scalings ?? NEVER_SCALED, direction, observation.at.getTime());
        infrastructures.remember(infrastructureId, after);
      }
      const entry = { ...this.entry(observation, before, outcome, moment, known), wasAhead };
      const ask = askOf(entry);
      // For the services after it in this batch.
      if (ask !== undefined) infrastructures.ask(infrastructureId, ask);
      return entry;
    } catch (error) {
      throw new Unevaluable(candidate, error);
    }
  }

  private entry(
    observation: ServiceObservation,
    { state: before, decisionId: open }: LockedState,
    outcome: Decided,
    moment: number | undefined,
    known: Known,
  ): LedgerEntry {
    const { compiled } = observation.snapshot;
    const { state } = outcome;
    const opensInterval = outcome.opensInterval || before === undefined;
    const around = { scalings: known.scalings, killSwitch: this.isOff(observation, known) };
    const { explanation, why } = toldOf(compiled, state, observation, around);
    return {
      compiled,
      at: observation.at,
      state,
      isFirst: before === undefined,
      closes: opensInterval ? open : undefined,
      decisionId: opensInterval || open === undefined ? newId() : open,
      opensInterval,
      nextMoment: moment,
      explanation,
      why,
      values: valuesOf(compiled, observation),
      trigger: triggerOf(observation, outcome, explanation),
      effect: effectOf(observation, outcome),
    };
  }

  /**
   * Adds all alerts that feed a trigger, where only the newest of each metric were at hand; for a recovery, the alerts
   * of the last trigger.
   */
  private async completeAlerts(sql: Sql, entries: readonly LedgerEntry[]): Promise<void> {
    const triggers = entries.flatMap(({ trigger, compiled, at }) =>
      trigger === undefined || compiled.alertMetrics.length === 0
        ? []
        : [{ trigger, id: compiled.service.id, at }],
    );
    const isOver = ({ trigger }: (typeof triggers)[number]) => trigger.kind === 'recovery';
    const open = triggers.filter((one) => !isOver(one) && one.trigger.toldTotal > one.trigger.told.length);
    const over = triggers.filter(isOver);
    if (open.length + over.length === 0) return;
    const ids = (some: typeof triggers) => some.map(({ id }) => id);
    const [feeding, fed] = await Promise.all([
      this.alertValues.allOf(ids(open), maxOf(entries), ALERTS_TOLD, sql),
      this.alertValues.ofLastTriggers(ids(over), ALERTS_TOLD, sql),
    ]);
    for (const { trigger, id } of triggers) {
      const found = feeding.get(id) ?? fed.get(id);
      if (found === undefined) continue;
      trigger.told = found.alerts.map(toldAlert);
      trigger.toldTotal = found.total;
    }
  }

  private sayEffect(
    { service }: CompiledService,
    { outcome, explanation }: NonNullable<LedgerEntry['effect']>,
  ): void {
    telemetry.effects.inc({ outcome });
    this.logger.log({ msg: explanation, service: service.name, effect: outcome });
  }

  /** Logs what was committed and puts on the queues what is to be done. */
  private async announce(entries: readonly LedgerEntry[], begun: readonly ClaimedExecution[]): Promise<void> {
    for (const { compiled, state, opensInterval, explanation, trigger, effect, at } of entries) {
      if (effect !== undefined) this.sayEffect(compiled, effect);
      if (!opensInterval) continue;
      if (trigger?.kind === 'breach') telemetry.triggers.inc({ mode: compiled.rule.mode });
      this.logger.log({
        msg: trigger?.justification ?? explanation,
        service: compiled.service.name,
        phase: state.phase,
        reason: state.reason,
        at,
        ...(trigger ? { trigger: trigger.id, executions: trigger.executions.map(({ id }) => id) } : {}),
      });
    }
    const ahead = entries.flatMap(({ wasAhead, compiled }) => (wasAhead ? [compiled.service.name] : []));
    if (ahead.length > 0) tellAhead('state', `the states of ${someOf(ahead)}`, ahead.length);
    const now = maxOf(entries);
    const acting = entries.filter(({ trigger, compiled }) => trigger && compiled.rule.mode === 'auto');
    const running = new Set(begun.map(({ id }) => id));
    const executions = acting.flatMap(({ trigger }) =>
      trigger!.executions.filter(({ id }) => !running.has(id)).map(({ id }) => ({ id, tries: 0 })),
    );
    const moments = entries.flatMap(({ compiled, nextMoment: at }) =>
      at === undefined ? [] : [{ id: compiled.service.id, at: new Date(at) }],
    );
    await Promise.all([this.queues.addExecutions(executions, now), this.queues.addServices(moments, now)]);
  }
}

/** Returns the trigger, escalation or recovery that an outcome asks for, with new ids for its executions. */
function triggerOf(
  { snapshot, at, alerts, told = [], toldTotal = 0 }: ServiceObservation,
  { state, trigger, recovered, followUp }: Decided,
  explanation: string,
): LedgerEntry['trigger'] {
  const { actionIds, recoveryActionIds, escalations } = snapshot.compiled.service;
  const steps = (followUp?.escalates ?? []).flatMap((step) => escalations[step]!.actionIds);
  const of = (ids: readonly string[]) => ({
    id: newId(),
    executions: [...new Set(ids)].map((action) => ({ id: newId(), action })),
  });
  const feeding = { told, toldTotal };
  if (trigger !== undefined) {
    // A step whose time comes with another trigger goes along with it.
    const ids = [...actionIds, ...steps];
    const { nodes } = trigger;
    return { kind: 'breach', justification: explanation, nodes, alerts, ...feeding, ...of(ids) };
  }
  if (steps.length > 0) {
    const justification = escalationOf(state, at, explanation);
    return { kind: 'escalation', justification, alerts: [], ...feeding, ...of(steps) };
  }
  if (!recovered || recoveryActionIds.length === 0) return undefined;
  return { kind: 'recovery', justification: explanation, alerts: [], ...feeding, ...of(recoveryActionIds) };
}

function effectOf(observation: ServiceObservation, { followUp }: Decided): LedgerEntry['effect'] {
  const { expect } = observation.snapshot.compiled.service;
  if (followUp?.effect === undefined || expect === null) return undefined;
  const { of, helped } = followUp.effect;
  const explanation = effectText(expect.condition, helped, observation.at.getTime() - of, observation);
  return {
    of: new Date(of),
    outcome: helped === undefined ? 'unknown' : helped ? 'helped' : 'not_helped',
    explanation,
  };
}

/**
 * Returns the observation with the alerts that feed it now. A service that alerts alone feed is observed now, so no
 * earlier than its last trigger.
 */
function caughtUp(
  observation: ServiceObservation,
  state: State | undefined,
  feeding: ReadonlyMap<string, readonly AlertValue[]>,
): ServiceObservation {
  const { service, alertMetrics } = observation.snapshot.compiled;
  if (alertMetrics.length === 0) return observation;
  const fed = fedBy(observation, feeding.get(service.id) ?? []);
  const last = state?.lastTriggeredAt ?? -Infinity;
  return !service.polled && last > observation.at.getTime() ? { ...fed, at: new Date(last) } : fed;
}

/**
 * Tells whether the service is left to the job of an alert: without wisdom time, an alert that counts here and again in
 * its own job would count twice.
 */
const isLeftToAlert = ({ awaitsAlert, snapshot }: ServiceObservation): boolean =>
  awaitsAlert === true && !snapshot.compiled.service.polled;

/**
 * Tells whether a newer evaluation has already decided: the observation is from before the last trigger, or the same
 * reading.
 */
function isOvertaken({ at, snapshot }: ServiceObservation, state: State | undefined): boolean {
  const last = state?.lastTriggeredAt ?? -Infinity;
  return last > at.getTime() || (last === at.getTime() && snapshot.compiled.service.polled);
}

/**
 * Returns the moment at which samples may have left a window though nothing new arrives; undefined where nothing can
 * change.
 */
function windowMovesAt(
  { snapshot, at, values, alerts }: ServiceObservation,
  { phase }: State,
): number | undefined {
  const { service, hasAlertWindows, windows } = snapshot.compiled;
  if (service.polled || !hasAlertWindows) return undefined;
  const isAtRest =
    phase === 'ok' && alerts.length === 0 && windows.every(({ metric }) => own(values, metric) === 0);
  return isAtRest ? undefined : at.getTime() + service.intervalSeconds * 1000;
}

const earlierOf = (one: number | undefined, other: number | undefined): number | undefined =>
  one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);

/** Tells whether a polled service had not one reading. */
function isBlind({ snapshot: { compiled }, values }: ServiceObservation): boolean {
  for (const metric in compiled.reads) if (Object.hasOwn(values, metric)) return false;
  return compiled.service.polled;
}

/**
 * Sorts services in shadow mode first, so that they decide on what the others see and not on what these have just done.
 */
const shadowsFirst = (observation: readonly ServiceObservation[]): ServiceObservation[] =>
  [...observation].sort((a, b) => rankOf(a) - rankOf(b));
const rankOf = ({ snapshot }: ServiceObservation): number =>
  snapshot.compiled.rule.mode === 'shadow' ? 0 : 1;

/** Returns the capacity of the service's infrastructure; undefined where it was not counted. */
function capacityOf(
  { snapshot, at }: ServiceObservation,
  counts: Counts,
  infrastructures: LockedInfrastructures,
): Capacity | undefined {
  const { infrastructure } = snapshot.compiled;
  const count = counts.get(infrastructure?.id ?? '');
  if (infrastructure === undefined || count === undefined) return undefined;
  if ('error' in count) return { known: false, error: count.error };
  return infrastructures.capacity(infrastructure, count, at);
}

const NAMED = 5;

const someOf = (names: readonly string[]): string =>
  names.length <= NAMED
    ? names.join(', ')
    : `${names.slice(0, NAMED).join(', ')} and ${names.length - NAMED} more`;

const maxOf = (items: readonly { at: Date }[]): Date =>
  new Date(Math.max(0, ...items.map(({ at }) => at.getTime())));
