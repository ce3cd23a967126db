import { Inject, Injectable } from '@nestjs/common';
import { currentCaller } from '../common/caller';
import { CLOCK, type Clock } from '../common/clock';
import { differences } from '../common/differences';
import { Conflict, NotFound } from '../common/errors';
import { newId } from '../common/ids';
import { AHEAD_AT_MOST_MS } from '../common/moments-ahead';
import { Audit, recordAudit } from '../database/audit';
import { Database } from '../database/database';
import { namingNothingHidden } from '../database/out-of-scope';
import { Poller } from '../polling/poller';
import { nextDue } from '../polling/poll-schedule';
import { Queues } from '../queue/queues';
import { Services } from '../services/services';
import { initialState } from '../engine/evaluate';
import type { Why } from '../engine/explain';
import { isAhead, setBack } from '../engine/moments';
import { PHASES, REASONS, type Reason, type State } from '../engine/types';
import { silencingOf } from '../engine/silencing';
import { SilenceBook } from '../silences/silence-book';
import { Evaluator } from './evaluator';
import { readParents } from './parents';
import { explanationOf, toldOf, wisdomUntil, type Surroundings } from './explanation';
import { Ledger } from './ledger';
import { Observer } from './observer';
import type { CompiledService, ServiceSnapshot } from './compiled-service';
import { ServiceLoader } from './service-loader';
import { valuesOf, type ServiceObservation, type ShownValues } from './service-observation';
import { Unpolled, type Known } from './unpolled';
import { decimal, either, mapOf, moment, object, oneOf, shape, text, uuid } from '../common/shapes';

/** State of a service as the API shows it. */
export interface ShownState {
  phase: State['phase'];
  since: string;
  reason: Reason;
  explanation: string;
  values: ShownValues;
  holdUntil?: string;
  wisdomUntil?: string;
  /** Silence that mutes it, where the reason is `silenced`. */
  silence?: { id: string; owner: string; reason: string; until: string };
  acknowledged?: { by: string; note: string; until: string };
  lastTriggeredAt?: string;
  nextPollAt?: string;
}

/** Metric -> its number, or why there is none, and when that was. */
export const VALUES = shape(
  'Values',
  mapOf(either(object({ value: decimal, at: moment }), object({ error: text, at: moment }))),
);

export const STATE = shape(
  'State',
  object(
    { phase: oneOf(PHASES), since: moment, reason: oneOf(REASONS), explanation: text, values: VALUES },
    {
      holdUntil: moment,
      wisdomUntil: moment,
      silence: object({ id: uuid, owner: text, reason: text, until: moment }),
      acknowledged: object({ by: text, note: text, until: moment }),
      lastTriggeredAt: moment,
      nextPollAt: moment,
    },
  ),
);

/** Explanation of a service's state at a moment. */
export interface ShownWhy extends Partial<Why> {
  at: string;
  phase: string;
  reason: string;
  explanation: string;
  /** Start of the interval that has the moment; without `to` it is still open. */
  from: string;
  to?: string;
  values: ShownValues;
}

/** Reads and explains the current state of services. */
@Injectable()
export class ServiceStates {
  constructor(
    private readonly database: Database,
    private readonly services: Services,
    private readonly loader: ServiceLoader,
    private readonly observer: Observer,
    private readonly evaluator: Evaluator,
    private readonly ledger: Ledger,
    private readonly poller: Poller,
    private readonly queues: Queues,
    private readonly unpolled: Unpolled,
    private readonly journal: Audit,
    private readonly silences: SilenceBook,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async state(reference: string): Promise<ShownState> {
    const [shown] = await this.shown([await this.snapshot(reference)]);
    return shown!;
  }

  /** Returns the states of services by their ids, in as many statements as for one; those deleted are left out. */
  async ofAll(ids: readonly string[]): Promise<Map<string, ShownState>> {
    const snapshots = this.inTime(await this.loader.byIds(ids));
    const shown = await this.shown(snapshots);
    return new Map(snapshots.map(({ compiled }, index) => [compiled.service.id, shown[index]!]));
  }

  private async shown(snapshots: readonly ServiceSnapshot[]): Promise<readonly ShownState[]> {
    const at = this.clock.now();
    const [told, around] = await Promise.all([this.told(snapshots, at), this.surroundings(snapshots)]);
    return namingNothingHidden(
      this.database,
      told.map(({ observation, state }, index) => ({
        service: observation.snapshot.compiled.service.id,
        shown: this.show({ ...observation, at }, state, around[index]!),
      })),
    );
  }

  /** Returns what is known of services now, in their order. */
  private async told(snapshots: readonly ServiceSnapshot[], at: Date): Promise<Known[]> {
    const observations = await this.observer.known(snapshots, at);
    return this.unpolled.asTold(
      observations.map((observation) => ({ observation, state: rememberedOf(observation.snapshot) })),
    );
  }

  /** Reads every metric now and says what the rule would, without acting or storing. */
  async evaluate(reference: string): Promise<ShownState> {
    const snapshot = await this.snapshot(reference);
    const previous = await this.observer.previousReadings([snapshot]);
    const observation = await this.read(snapshot, previous.get(snapshot.compiled.service.id));
    const { state } = await this.evaluator.preview(observation);
    const { id, name } = snapshot.compiled.service;
    const detail = { phase: state.phase, reason: state.reason };
    await this.journal.note({ action: 'evaluate', object: { type: 'service', id, name }, detail });
    const [around] = await this.surroundings([snapshot]);
    const [shown] = await namingNothingHidden(this.database, [
      { service: id, shown: this.show(observation, state, around!) },
    ]);
    return shown!;
  }

  private async read(snapshot: ServiceSnapshot, previousAt?: number): Promise<ServiceObservation> {
    const [known] = await this.observer.known([snapshot], this.clock.now());
    for await (const [polling] of this.poller.poll([snapshot.compiled])) {
      const errors: Record<string, string> = {};
      const values = { ...known!.values };
      for (const [metric, reading] of Object.entries(polling!.readings)) {
        delete values[metric];
        if ('value' in reading) values[metric] = reading.value;
        else errors[metric] = reading.error;
      }
      const at = this.clock.now();
      const observation = { ...known!, at, values, errors, notes: undefined, readAt: {}, previousAt };
      return (await this.observer.throughWindows([observation], at, false))[0]!;
    }
    return known!;
  }

  /** Explains the current state, with the latest values. */
  async why(reference: string): Promise<ShownWhy> {
    const snapshot = await this.snapshot(reference);
    const at = this.clock.now();
    const { compiled } = snapshot;
    const [[told], [around]] = await Promise.all([this.told([snapshot], at), this.surroundings([snapshot])]);
    const { state } = told!;
    const shown = { ...told!.observation, at };
    const { explanation, why } = toldOf(compiled, state, shown, around!);
    const answer: ShownWhy = {
      at: at.toISOString(),
      phase: state.phase,
      reason: state.reason,
      explanation,
      from: new Date(state.since).toISOString(),
      values: valuesOf(compiled, shown),
      ...why,
    };
    const [named] = await namingNothingHidden(this.database, [
      { service: compiled.service.id, shown: answer },
    ]);
    return named!;
  }

  /** Ends a wisdom time early; the ledger records that a person did. */
  async endWisdom(reference: string): Promise<ShownState> {
    const { id, name, wisdomSeconds } = await this.services.store.get(reference);
    const now = this.clock.now();
    await this.database.transaction(async (sql) => {
      await sql.rows('SELECT FROM services WHERE id = $1 FOR NO KEY UPDATE', [id]);
      const [row] = await sql.rows<{ state: State }>(
        'SELECT state FROM service_states WHERE service_id = $1',
        [id],
      );
      const from = row?.state.wisdomFrom;
      if (from === undefined || from + wisdomSeconds * 1000 <= now.getTime()) {
        throw new Conflict(`service ${name} has no wisdom time that could be ended`);
      }
      const { wisdomFrom: _, ...state } = row!.state;
      await this.noteInLedger(sql.rows.bind(sql), id, state);
      const changes = [{ pointer: '/wisdomFrom', before: new Date(from).toISOString() }];
      await recordAudit(sql, [{ action: 'end_wisdom', object: { type: 'service', id, name }, changes }]);
    });
    await this.queues.addServices([{ id }], now);
    return this.state(id);
  }

  /**
   * Acknowledges an alarm: its further steps wait until then, or are never taken if it ends before.
   *
   * @throws Conflict when the service is not in alarm
   */
  async acknowledge(reference: string, note: string, forSeconds: number): Promise<ShownState> {
    const from = this.clock.now().getTime();
    const until = from + forSeconds * 1000;
    const by = currentCaller()?.actor ?? 'a person';
    await this.rewrite(
      reference,
      (state, name) => {
        if (!state?.inAlarm)
          throw new Conflict(`service ${name} is not in alarm: there is nothing to acknowledge`);
        return { ...state, acknowledged: { by, note, from, until } };
      },
      'acknowledge',
      `${by} acknowledged the alarm until ${new Date(until).toISOString()}: ${note}`,
    );
    return this.state(reference);
  }

  /** Ends an acknowledgement; what is due is told at the next evaluation. */
  async endAcknowledgement(reference: string): Promise<void> {
    const by = currentCaller()?.actor ?? 'a person';
    await this.rewrite(
      reference,
      (state) => {
        if (state?.acknowledged === undefined) return undefined;
        const { acknowledged: _, ...rest } = state;
        return rest;
      },
      'end_acknowledgement',
      `${by} ended the acknowledgement of the alarm`,
    );
  }

  /** Writes a state that a person changes, and that it was changed, under the lock of its service. */
  private async rewrite(
    reference: string,
    change: (state: State | undefined, name: string) => State | undefined,
    action: string,
    explanation: string,
  ): Promise<void> {
    const { id, name } = await this.services.store.get(reference);
    const isChanged = await this.database.transaction(async (sql) => {
      await sql.rows('SELECT FROM services WHERE id = $1 FOR NO KEY UPDATE', [id]);
      const [row] = await sql.rows<{ state: State }>(
        'SELECT state FROM service_states WHERE service_id = $1',
        [id],
      );
      const state = change(row?.state, name);
      if (state === undefined) return false;
      await this.noteInLedger(sql.rows.bind(sql), id, state, explanation);
      const changes = differences(
        { acknowledged: row && acknowledgementOf(row.state) },
        { acknowledged: acknowledgementOf(state) },
      );
      await recordAudit(sql, [{ action, object: { type: 'service', id, name }, changes }]);
      return true;
    });
    if (isChanged) await this.queues.addServices([{ id }], this.clock.now());
  }

  private async noteInLedger(
    rows: (text: string, values: unknown[]) => Promise<unknown>,
    id: string,
    state: State,
    explanation = `${currentCaller()?.actor ?? 'a person'} ended the wisdom time early`,
  ): Promise<void> {
    const decision = newId();
    const now = this.clock.now();
    await rows(
      `UPDATE decisions SET ended_at = $2 WHERE id = (SELECT decision_id FROM service_states WHERE service_id = $1)`,
      [id, now],
    );
    await rows(
      `INSERT INTO decisions (id, service_id, started_at, phase, reason, explanation, metric_values)
       VALUES ($1, $2, $3, $4, $5, $6, '{}')`,
      [decision, id, now, state.phase, state.reason, explanation],
    );
    // Where it is not polled, a lost job must not cost the look at it.
    await rows(
      `UPDATE service_states SET state = $2, decision_id = $3, next_moment = CASE WHEN next_moment IS NOT NULL THEN $4::timestamptz END
       WHERE service_id = $1`,
      [id, JSON.stringify(state), decision, now],
    );
  }

  private async snapshot(reference: string): Promise<ServiceSnapshot> {
    const service = await this.services.store.get(reference);
    const [snapshot] = this.inTime(await this.loader.byIds([service.id]));
    if (snapshot === undefined) throw new NotFound('service', reference);
    return snapshot;
  }

  /** Sets back states that lie ahead, until they are evaluated next, which writes it down. */
  private inTime(snapshots: readonly ServiceSnapshot[]): ServiceSnapshot[] {
    const now = this.clock.now().getTime();
    return snapshots.map((snapshot) =>
      snapshot.state !== undefined && isAhead(snapshot.state, now + AHEAD_AT_MOST_MS)
        ? { ...snapshot, state: setBack(snapshot.state, now) }
        : snapshot,
    );
  }

  private async surroundings(snapshots: readonly ServiceSnapshot[]): Promise<Surroundings[]> {
    const idOf = ({ compiled }: ServiceSnapshot) => compiled.infrastructure?.id;
    const ids = new Set(snapshots.flatMap((snapshot) => idOf(snapshot) ?? []));
    const [scalings, parents] = await Promise.all([
      this.ledger.scalings([...ids]),
      readParents(this.database.keyed, snapshots),
      this.silences.current(),
    ]);
    const now = this.clock.now().getTime();
    return snapshots.map((snapshot) => ({
      killSwitch: snapshot.killSwitch,
      silences: this.silences.of(snapshot.compiled.service, now, snapshot.state?.breachFrom),
      parent: parents.get(snapshot.compiled.service.id) ?? null,
      scalings: scalings.get(idOf(snapshot) ?? ''),
    }));
  }

  private silenceOf({ rule }: CompiledService, state: State, { silences }: Surroundings, now: number) {
    if (state.reason !== 'silenced') return undefined;
    const silencing = silencingOf(rule, state, silences, 'act', now);
    if (silencing === undefined) return undefined;
    const { id, owner, reason, until } = silencing.silence;
    return { id, owner, reason, until: new Date(until).toISOString() };
  }

  private show(observation: ServiceObservation, state: State, around: Surroundings): ShownState {
    const { compiled } = observation.snapshot;
    const { service, rule } = compiled;
    const now = observation.at.getTime();
    const moment = (at: number | undefined) => (at === undefined ? undefined : new Date(at).toISOString());
    const wisdomEnds = wisdomUntil(compiled, state);
    const nextPoll =
      service.polled && rule.enabled
        ? nextDue(service.slot, service.intervalSeconds, Math.floor(now / 1000))
        : undefined;
    return {
      phase: state.phase,
      since: moment(state.since)!,
      reason: state.reason,
      explanation: explanationOf(compiled, state, observation, around),
      values: valuesOf(compiled, observation),
      holdUntil: state.reason === 'holding' ? moment(state.pendingSince! + rule.holdMs) : undefined,
      wisdomUntil: wisdomEnds !== undefined && wisdomEnds > now ? moment(wisdomEnds) : undefined,
      silence: this.silenceOf(compiled, state, around, now),
      acknowledged: acknowledgedOf(state, now),
      lastTriggeredAt: moment(state.lastTriggeredAt),
      nextPollAt: nextPoll === undefined ? undefined : moment(nextPoll * 1000),
    };
  }
}

/** Returns the acknowledgement that holds at a moment. */
export const acknowledgedOf = (state: State, now: number) =>
  (state.acknowledged?.until ?? 0) > now ? acknowledgementOf(state) : undefined;

/** Returns an acknowledgement as people read it. */
const acknowledgementOf = ({ acknowledged }: State) =>
  acknowledged && {
    by: acknowledged.by,
    note: acknowledged.note,
    until: new Date(acknowledged.until).toISOString(),
  };

/** Returns the stored state; before the first evaluation, the initial one. */
function rememberedOf({ compiled, state }: ServiceSnapshot): State {
  const { rule, service } = compiled;
  const remembered = state ?? initialState(rule, service.updatedAt.getTime());
  return rule.enabled ? remembered : { ...remembered, phase: 'unknown', reason: 'disabled' };
}
