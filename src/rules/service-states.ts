import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import { Conflict, NotFound } from '../common/errors';
import { newId } from '../common/ids';
import { pageOf, type Page } from '../database/definitions';
import { Database } from '../database/database';
import { Poller } from '../metrics/poller';
import { nextDue } from '../metrics/poll-schedule';
import { Queues } from '../queue/queues';
import { Services } from '../services/services';
import { initialState } from './engine/evaluate';
import type { Reason, Scalings, State } from './engine/types';
import { Evaluator } from './evaluator';
import { explanationOf, wisdomUntil } from './explanation';
import { Ledger } from './ledger';
import { Observer } from './observer';
import { RuleBook, type Prepared, type Watched } from './rule-book';
import { valuesOf, type Seen, type ShownValues } from './seen';

/** A service's state as the API shows it. */
export interface ShownState {
  phase: State['phase'];
  since: string;
  reason: Reason;
  explanation: string;
  values: ShownValues;
  holdUntil?: string;
  wisdomUntil?: string;
  lastTriggeredAt?: string;
  nextPollAt?: string;
}

interface DecisionRow {
  id: string;
  from: Date;
  to: Date | null;
  phase: string;
  reason: string;
  explanation: string;
  values: object;
  trigger: string | null;
  executions: string[];
}

/** What a rule says of a service, and what it said: state and ledger, to be read. */
@Injectable()
export class ServiceStates {
  constructor(
    private readonly database: Database,
    private readonly services: Services,
    private readonly ruleBook: RuleBook,
    private readonly observer: Observer,
    private readonly evaluator: Evaluator,
    private readonly ledger: Ledger,
    private readonly poller: Poller,
    private readonly queues: Queues,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async state(reference: string): Promise<ShownState> {
    const watched = await this.watched(reference);
    const at = this.clock.now();
    const [seen] = await this.observer.known([watched], at);
    const { prepared } = watched;
    const state = watched.state ?? initialState(prepared.rule, prepared.service.updatedAt.getTime());
    return this.show(seen!, state, await this.scalingsOf(prepared));
  }

  /** Reads every metric now and says what the rule would, without acting or storing. */
  async evaluate(reference: string): Promise<ShownState> {
    const watched = await this.watched(reference);
    const previous = await this.observer.previousReadings([watched]);
    const seen = await this.read(watched, previous.get(watched.prepared.service.id));
    const { state } = await this.evaluator.preview(seen);
    return this.show(seen, state, await this.scalingsOf(watched.prepared));
  }

  private async read(watched: Watched, previousAt?: number): Promise<Seen> {
    const [known] = await this.observer.known([watched], this.clock.now());
    for await (const [polling] of this.poller.poll([watched.prepared])) {
      const errors: Record<string, string> = {};
      const values = { ...known!.values };
      for (const [metric, reading] of Object.entries(polling!.readings)) {
        delete values[metric];
        if ('value' in reading) values[metric] = reading.value;
        else errors[metric] = reading.error;
      }
      return { ...known!, at: this.clock.now(), values, errors, readAt: {}, previousAt };
    }
    return known!;
  }

  async decisions(
    reference: string,
    range: { from?: Date; to?: Date; limit: number; cursor?: string },
  ): Promise<Page<object>> {
    const service = await this.services.store.get(reference);
    const rows = await this.database.rows<DecisionRow>(
      `SELECT d.id, d.started_at AS "from", d.ended_at AS "to", d.phase, d.reason, d.explanation, d.metric_values AS "values",
         d.trigger_id AS trigger, array(SELECT e.id FROM executions e WHERE e.trigger_id = d.trigger_id ORDER BY e.id) AS executions
       FROM decisions d
       WHERE d.service_id = $1 AND ($2::timestamptz IS NULL OR d.ended_at IS NULL OR d.ended_at > $2)
         AND ($3::timestamptz IS NULL OR d.started_at < $3) AND ($4::uuid IS NULL OR d.id < $4)
       ORDER BY d.id DESC LIMIT $5`,
      [service.id, range.from ?? null, range.to ?? null, range.cursor ?? null, range.limit + 1],
    );
    const { items, nextCursor } = pageOf(rows, range.limit);
    const shown = items.map(({ id: _, to, trigger, executions, ...row }) => ({
      ...row,
      ...(to === null ? {} : { to }),
      ...(trigger === null ? {} : { trigger, executions }),
    }));
    return { items: shown, nextCursor };
  }

  /** Ends a wisdom time early; the ledger says that a person did. */
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
      await this.audit(sql.rows.bind(sql), id, state);
    });
    await this.queues.addServices([{ id }], now);
    return this.state(id);
  }

  private async audit(
    rows: (text: string, values: unknown[]) => Promise<unknown>,
    id: string,
    state: State,
  ): Promise<void> {
    const decision = newId();
    const now = this.clock.now();
    await rows(
      `UPDATE decisions SET ended_at = $2 WHERE id = (SELECT decision_id FROM service_states WHERE service_id = $1)`,
      [id, now],
    );
    await rows(
      `INSERT INTO decisions (id, service_id, started_at, phase, reason, explanation, metric_values)
       VALUES ($1, $2, $3, $4, $5, 'a person ended the wisdom time early', '{}')`,
      [decision, id, now, state.phase, state.reason],
    );
    await rows('UPDATE service_states SET state = $2, decision_id = $3 WHERE service_id = $1', [
      id,
      JSON.stringify(state),
      decision,
    ]);
  }

  private async watched(reference: string): Promise<Watched> {
    const service = await this.services.store.get(reference);
    const [watched] = await this.ruleBook.byIds([service.id]);
    if (watched === undefined) throw new NotFound('service', reference);
    return watched;
  }

  private async scalingsOf({ infrastructure }: Prepared): Promise<Scalings | undefined> {
    if (infrastructure === undefined) return undefined;
    return (await this.ledger.scalings([infrastructure.id])).get(infrastructure.id);
  }

  private show(seen: Seen, remembered: State, scalings?: Scalings): ShownState {
    const { prepared } = seen.watched;
    const { service, rule } = prepared;
    const state: State = rule.enabled ? remembered : { ...remembered, phase: 'unknown', reason: 'disabled' };
    const now = seen.at.getTime();
    const moment = (at: number | undefined) => (at === undefined ? undefined : new Date(at).toISOString());
    const wisdomEnds = wisdomUntil(prepared, state);
    const nextPoll =
      service.polled && rule.enabled
        ? nextDue(service.slot, service.intervalSeconds, Math.floor(now / 1000))
        : undefined;
    return {
      phase: state.phase,
      since: moment(state.since)!,
      reason: state.reason,
      explanation: explanationOf(prepared, state, seen, scalings),
      values: valuesOf(prepared, seen),
      holdUntil: state.phase === 'pending' ? moment(state.pendingSince! + rule.holdMs) : undefined,
      wisdomUntil: wisdomEnds !== undefined && wisdomEnds > now ? moment(wisdomEnds) : undefined,
      lastTriggeredAt: moment(state.lastTriggeredAt),
      nextPollAt: nextPoll === undefined ? undefined : moment(nextPoll * 1000),
    };
  }
}
