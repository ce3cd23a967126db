import { Inject, Injectable, Logger } from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import { messageOf, Unavailable } from '../common/errors';
import { newId } from '../common/ids';
import { telemetry } from '../common/telemetry';
import type { OpenSpan } from '../common/tracing';
import { CONFIG, type Config } from '../config/config';
import { Database } from '../database/database';
import type { InfrastructureRow } from '../database/entities';
import type { Sql } from '../database/sql-pool';
import type { Count } from '../engine/asked';
import type { Decided } from '../engine/evaluate';
import type { Moment, Reason, State } from '../engine/types';
import { SilenceBook } from '../silences/silence-book';
import { NodeCounter } from '../polling/node-counter';
import type { ClaimedExecution } from '../queue/claimed-execution';
import { LocalDispatch, type SlotReservation } from '../queue/local-dispatch';
import { Announcer } from './announcer';
import { BatchCapacity } from './batch-capacity';
import { beginDecisions } from './decision-spans';
import { decideBatch, isLeftToAlert, setRight, type BatchDecision, type BatchFacts } from './decide-batch';
import { evaluated, factsOf, momentAfter, scalingsInTime, stateInTime } from './evaluation';
import { FeedingAlerts } from './feeding-alerts';
import { Ledger, type Locked } from './ledger';
import type { LedgerEntry } from './ledger-entry';
import { readParents } from './parents';
import { holdWhatIsOld } from './restored-triggers';
import { Observer } from './observer';
import { caughtUp, latestOf, type ServiceObservation } from './service-observation';

/** Work of the caller in the transaction of a commit; its errors undo the transaction. */
export type Alongside = (sql: Sql) => Promise<unknown>;

type Counts = Map<string, Count | { error: string }>;

/** An observation that may change something. */
interface Candidate {
  observation: ServiceObservation;
  /** Infrastructure whose nodes must be counted before the rule can be decided. */
  counts?: InfrastructureRow;
}

/** Entries that a commit wrote, and the executions that began with it. */
interface Committed {
  entries: LedgerEntry[];
  /** Reason that each evaluated service has now. */
  reasons: Reason[];
  begun: ClaimedExecution[];
  spans: readonly OpenSpan[];
  /** Services that wait for the job of an alert. */
  waiting: string[];
}

/** Observations to decide on, and what their transaction needs. */
interface Batch {
  observations: readonly ServiceObservation[];
  counts: Counts;
  places: SlotReservation;
  /** Moment at which the evaluation began, as `performance.now()` has it. */
  beganAt: number;
  alongside?: Alongside;
  /** Revision of the definitions that the batch rests on, where it must wait for nobody. */
  ofRevision?: string;
}

/** A rule that alerts concern was changed while they were evaluated; nothing was committed, and they must be matched anew. */
export class RulesChanged extends Error {
  constructor() {
    super('a rule was changed meanwhile');
  }
}

/** Others have locked a service, or definitions have changed: nothing is decided at once. */
class NotFree extends Error {
  constructor() {
    super('a service is not free');
  }
}

/** A batch can't be decided as it is; undoes its transaction. */
class Undecided extends Error {
  constructor(readonly why: Exclude<BatchDecision, { is: 'decided' | 'outdated' }>) {
    super(why.is === 'uncounted' ? 'nodes must be counted first' : 'a service can not be evaluated');
  }
}

/** Largest number of remembered skipped services; when it is reached they are forgotten and logged again. */
const SKIPPED_AT_MOST = 1_000;

/** Largest number of rounds of counting, locking and evaluating again; more mean that rules change all the time. */
const MAX_ROUNDS = 4;

/**
 * Evaluates observations and commits what follows: loads, locks, has `decideBatch` decide, and writes.
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
    @Inject(Database) private readonly database: Pick<Database, 'keyed'>,
    private readonly ledger: Ledger,
    private readonly counter: NodeCounter,
    private readonly feedingAlerts: FeedingAlerts,
    private readonly observer: Observer,
    private readonly announcer: Announcer,
    @Inject(LocalDispatch) private readonly dispatch: Pick<LocalDispatch, 'places'>,
    private readonly silences: SilenceBook,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Evaluates polled observations.
   *
   * @returns ids of services left to the job of an alert, which may have looked for services before these existed
   */
  async evaluate(observations: readonly ServiceObservation[]): Promise<string[]> {
    const now = this.now();
    const left: string[] = [];
    // An infrastructure that takes long to be counted holds up its own services alone.
    const groups = new Map<string | undefined, Candidate[]>();
    const unchanged = new Map<Reason, number>();
    for (const observation of observations) {
      if (isLeftToAlert(observation)) {
        left.push(observation.snapshot.compiled.service.id);
        continue;
      }
      const one = this.candidateOrNone(observation, now, unchanged);
      if (one === undefined) continue;
      const group = groups.get(one.counts?.id);
      if (group === undefined) groups.set(one.counts?.id, [one]);
      else group.push(one);
    }
    for (const [reason, services] of unchanged) telemetry.evaluations.inc({ reason }, services);
    const waiting = await Promise.all([...groups.values()].map((group) => this.settle(group)));
    return [...left, ...waiting.flat()];
  }

  /**
   * Evaluates services that new alerts concern, always under the locks: news come once, and the snapshot may be
   * outdated.
   *
   * @throws RulesChanged when the rule of one of them is another than in its snapshot
   */
  async evaluateNews(observations: readonly ServiceObservation[], alongside: Alongside): Promise<void> {
    await this.settle(
      observations.map((observation) => ({ observation })),
      alongside,
    );
  }

  /**
   * Evaluates services in the transaction that inserts the alerts that concern them, where that waits for nobody: all of
   * them are free, and no nodes must be counted.
   *
   * @param insert the caller's work in that transaction, sent along with the locks: it writes only under them (see
   *   `UNDER_LOCKS`); what it throws undoes the transaction
   * @returns what is to be done after the commit; undefined where nothing is inserted
   */
  async evaluateAtOnce(
    observations: readonly ServiceObservation[],
    ofRevision: string,
    insert: Alongside,
  ): Promise<(() => Promise<void>) | undefined> {
    const places = this.dispatch.places();
    const batch = { observations, counts: new Map(), places, beganAt: performance.now(), alongside: insert };
    try {
      const committed = await this.commit({ ...batch, ofRevision });
      return this.begin(committed, places);
    } catch (error) {
      const isOrdinary =
        error instanceof NotFree || error instanceof Undecided || error instanceof RulesChanged;
      if (isOrdinary) return undefined;
      throw error;
    } finally {
      places.end();
    }
  }

  /** Records that nobody has evaluated services since they were last observed. */
  async tellStale(observations: readonly ServiceObservation[]): Promise<void> {
    if (observations.length > 0) await this.settle(observations.map((observation) => ({ observation })));
  }

  /** Decides on current data, without committing anything. */
  async preview(observation: ServiceObservation): Promise<Decided> {
    const { snapshot, at } = observation;
    const { infrastructure } = snapshot.compiled;
    const wanted = infrastructure ? [infrastructure] : [];
    const counts: Counts = new Map();
    await this.countAll(wanted, counts);
    const capacity = new BatchCapacity(counts, await this.ledger.lookAt(wanted.map(({ id }) => id)));
    const now = this.now();
    const parents = await readParents(this.database.keyed, [snapshot]);
    const facts = factsOf(observation, {
      killSwitch: this.isOff(observation),
      silences: this.silencesAt(observation, snapshot.state),
      parent: parents.get(snapshot.compiled.service.id) ?? null,
      scalings: scalingsInTime(capacity.scalings(infrastructure?.id ?? ''), at, now),
      capacity: capacity.of(infrastructure, at),
    });
    const state = snapshot.state && stateInTime(snapshot.state, at, now);
    const outcome = evaluated(observation, state, facts);
    if (outcome.needs) throw new Unavailable('the nodes could not be counted');
    return outcome;
  }

  /**
   * Evaluates on the snapshot; undefined when nothing changes or the service can't be evaluated.
   *
   * @param unchanged number of services of which nothing changes, by the reason they have
   */
  private candidateOrNone(
    observation: ServiceObservation,
    now: Moment,
    unchanged: Map<Reason, number>,
  ): Candidate | undefined {
    try {
      return this.candidate(observation, now, unchanged);
    } catch (error) {
      this.skip(observation, error);
      return undefined;
    }
  }

  private candidate(
    observation: ServiceObservation,
    now: Moment,
    unchanged: Map<Reason, number>,
  ): Candidate | undefined {
    const { nextMoment, compiled, state: stored } = observation.snapshot;
    const state = stored && stateInTime(stored, observation.at, now);
    // Silences are looked for where there is something to mute, which is rare.
    const isBreach = state?.breachFrom !== undefined;
    let silences = isBreach ? this.silencesAt(observation, state) : undefined;
    // Without what is only known under the locks: no wisdom time or freeze of the infrastructure stands in the way.
    let facts = factsOf(observation, { killSwitch: this.isOff(observation), silences });
    let outcome = evaluated(observation, state, facts);
    if (!isBreach && (outcome.needs !== undefined || outcome.state.breachFrom !== undefined)) {
      silences = this.silencesAt(observation, state);
      if (silences !== undefined) {
        facts = { ...facts, silences };
        outcome = evaluated(observation, state, facts);
      }
    }
    if (outcome.needs) {
      // Nodes are not counted for what another service has stopped before it came to that.
      const isStopped = outcome.needs === 'parent' && state?.reason === 'dependency';
      return { observation, counts: isStopped ? undefined : compiled.infrastructure };
    }
    if (state === undefined || state !== stored || outcome.changed) return { observation };
    const { reason } = outcome.state;
    unchanged.set(reason, (unchanged.get(reason) ?? 0) + 1);
    return momentAfter(observation, outcome.state, facts) === nextMoment ? undefined : { observation };
  }

  private readonly silencesOf: BatchFacts['silencesOf'] = ({ service }, at, breachFrom) =>
    this.silences.of(service, at, breachFrom);

  private silencesAt({ snapshot, at }: ServiceObservation, state: State | undefined) {
    return this.silencesOf(snapshot.compiled, at.getTime(), state?.breachFrom);
  }

  private isOff({ snapshot }: ServiceObservation): boolean {
    return this.config.killSwitch || snapshot.killSwitch;
  }

  private skip({ snapshot }: ServiceObservation, error: unknown): void {
    const { id, name, version } = snapshot.compiled.service;
    telemetry.servicesSkipped.inc();
    if (this.skipped.get(id) === version) return;
    if (this.skipped.size >= SKIPPED_AT_MOST) this.skipped.clear();
    this.skipped.set(id, version);
    this.logger.error(`service ${name} is skipped: it can't be evaluated: ${messageOf(error)}`);
  }

  /** Counts, commits and announces, in as many rounds as it takes. */
  private async settle(candidates: readonly Candidate[], alongside?: Alongside): Promise<string[]> {
    const beganAt = performance.now();
    const counts: Counts = new Map();
    let observations = candidates.map(({ observation }) => observation);
    await this.countAll(
      candidates.flatMap((one) => one.counts ?? []),
      counts,
    );
    for (let round = 1; ; round++) {
      const places = this.dispatch.places();
      try {
        const committed = await this.commit({ observations, counts, places, beganAt, alongside });
        await this.begin(committed, places)();
        return committed.waiting;
      } catch (error) {
        if (!(error instanceof Undecided)) throw error;
        const { why } = error;
        if (why.is === 'unevaluable') {
          // The others are committed without it.
          this.skip(why.observation, why.error);
          observations = observations.filter(({ snapshot }) => snapshot !== why.observation.snapshot);
          round--;
          continue;
        }
        if (round === MAX_ROUNDS) throw error;
        await this.countAll(why.infrastructures, counts);
      } finally {
        places.end();
      }
    }
  }

  /** Counts nodes of infrastructures, before any lock is taken: a count may take as long as its target does. */
  private async countAll(infrastructures: readonly InfrastructureRow[], counts: Counts): Promise<void> {
    const distinct = new Map(infrastructures.map((row) => [row.id, row]));
    await Promise.all(
      [...distinct.values()].map(async (row) => {
        try {
          const { nodes, at } = await this.counter.count(row);
          counts.set(row.id, { nodes, at: at.getTime() });
        } catch (error) {
          counts.set(row.id, { error: messageOf(error) });
        }
      }),
    );
  }

  /** Begins what was committed. @returns announcing it, which may take as long as Redis does */
  private begin({ entries, reasons, begun, spans }: Committed, places: SlotReservation): () => Promise<void> {
    for (const reason of reasons) telemetry.evaluations.inc({ reason });
    for (const span of spans) span.end();
    places.begin(begun);
    return () => this.announcer.announce(entries, begun);
  }

  /**
   * Locks, reads again, decides and writes.
   *
   * @throws Undecided, NotFree, RulesChanged
   */
  private commit(batch: Batch): Promise<Committed> {
    const { observations, places, alongside, ofRevision } = batch;
    const services = observations.map(({ snapshot }) => snapshot.compiled.service);
    // What the caller writes is seen by what looks after it.
    const writeAndLook = async (sql: Sql) => {
      const [, seen] = await Promise.all([alongside?.(sql), this.look(sql, observations)]);
      return seen;
    };
    // At once the caller writes only under the locks, and may go along with them; otherwise it comes after them.
    const goesAlong = alongside === undefined || ofRevision !== undefined;
    return this.database.keyed.inSteps({
      lock: (sql) =>
        Promise.all([this.ledger.lock(sql, services, ofRevision), goesAlong ? writeAndLook(sql) : undefined]),
      decide: async (sql, [locked, seen]) => {
        if (ofRevision !== undefined && locked.states.size < services.length) throw new NotFree();
        return this.decide(sql, batch, locked, seen ?? (await writeAndLook(sql)));
      },
      write: async (sql, { entries, reasons, infrastructures, waiting, spans }) => {
        const begun = await this.ledger.write(sql, entries, infrastructures, places);
        return { entries, reasons, begun, spans, waiting };
      },
    });
  }

  /** Reads what surrounds services, under their locks. */
  private async look(sql: Sql, observations: readonly ServiceObservation[]) {
    const [feeding, parents] = await Promise.all([
      this.feedingAlerts.of(sql, observations),
      readParents(
        sql,
        observations.map(({ snapshot }) => snapshot),
      ),
    ]);
    return { feeding, parents };
  }

  /** @throws Undecided, RulesChanged */
  private async decide(
    sql: Sql,
    { observations, counts, beganAt, alongside }: Batch,
    { states: locked, silences, restoredAt }: Locked,
    { feeding, parents }: Awaited<ReturnType<Evaluator['look']>>,
  ) {
    if (silences !== undefined) await this.silences.upTo(silences);
    const memory = await this.ledger.lockInfrastructures(sql, countedOf(observations, counts));
    const now = this.now();
    setRight(locked, observations, now);
    const caught = observations.map((one) =>
      caughtUp(one, locked.get(one.snapshot.compiled.service.id)?.state, feeding),
    );
    const facts: BatchFacts = {
      locked,
      counts,
      memory,
      killSwitch: this.config.killSwitch,
      silencesOf: this.silencesOf,
      parents,
      isOfAlerts: alongside !== undefined,
      now,
      newId,
    };
    const looked = await this.observer.throughAlertWindows(caught, latestOf(observations));
    const decision = decideBatch(looked, facts);
    if (decision.is === 'outdated') throw new RulesChanged();
    if (decision.is !== 'decided') throw new Undecided(decision);
    const { entries } = decision;
    await this.feedingAlerts.complete(sql, entries);
    if (restoredAt !== undefined) await holdWhatIsOld(sql, entries, locked, restoredAt);
    return { ...decision, spans: beginDecisions(entries, observations, beganAt) };
  }

  private now(): Moment {
    return this.clock.now().getTime();
  }
}

/** Returns the infrastructures that the observed services scale and whose nodes were counted. */
const countedOf = (observations: readonly ServiceObservation[], counts: Counts): InfrastructureRow[] =>
  observations.flatMap(({ snapshot: { compiled } }) =>
    compiled.rule.scaling && compiled.infrastructure && counts.has(compiled.infrastructure.id)
      ? [compiled.infrastructure]
      : [],
  );
