import { Inject, Injectable } from '@nestjs/common';
import { conditionsOf, OneOf } from '../api/filters';
import { pageIn } from '../api/page-query';
import { momentOf, RangeQuery } from '../api/range-query';
import { CLOCK, type Clock } from '../common/clock';
import { NotFound } from '../common/errors';
import { Database } from '../database/database';
import { namingNothingHidden } from '../database/out-of-scope';
import { NEWEST_FIRST, Parameters, readPage, type Page } from '../database/pages';
import { Services } from '../services/services';
import type { Why } from '../engine/explain';
import { PHASES, REASONS } from '../engine/types';
import { PastValues } from './past-values';
import { ServiceLoader } from './service-loader';
import type { ShownValues } from './service-observation';
import { ServiceStates, VALUES, type ShownWhy } from './service-states';
import {
  decimal,
  flag,
  labels,
  list,
  mapOf,
  moment,
  object,
  oneOf,
  orNull,
  shape,
  text,
  uuid,
  whole,
} from '../common/shapes';

interface DecisionRow {
  id: string;
  from: Date;
  to: Date | null;
  phase: string;
  reason: string;
  explanation: string;
  values: ShownValues;
  why: Why | null;
  trigger: string | null;
  executions: string[];
  /** Outcome of the trigger, where its service has an expectation. */
  effect: { outcome: string; at: string; explanation: string } | null;
}

const SHOWN = `d.id, d.started_at AS "from", d.ended_at AS "to", d.phase, d.reason, d.explanation, d.metric_values AS "values",
  d.why, d.trigger_id AS trigger,
  array(SELECT e.id FROM executions e WHERE e.trigger_id = d.trigger_id ORDER BY e.id) AS executions,
  (SELECT t.effect FROM triggers t WHERE t.id = d.trigger_id) AS effect`;

const DAY_MS = 86_400_000;

/** What a decision has beside its phase and reason. */
const FOLLOWED = {
  to: moment,
  trigger: uuid,
  executions: list(uuid),
  effect: object({ outcome: text, at: moment, explanation: text }),
};
const DECIDED = {
  from: moment,
  phase: oneOf(PHASES),
  reason: oneOf(REASONS),
  explanation: text,
  values: VALUES,
};
export const DECISION = shape('Decision', object(DECIDED, FOLLOWED));

/** A condition with its values filled in; its truth is null where one is missing. */
const FILLED = object({ text, filled: text, truth: orNull(flag) });
const TOLD_ALERT = object({ labels, annotations: labels, source: text, at: moment }, { value: decimal });
export const WHY = shape(
  'Why',
  object(
    { at: moment, ...DECIDED },
    {
      ...FOLLOWED,
      condition: FILLED,
      recovery: FILLED,
      guard: object({ reason: text, detail: text }),
      toChange: list(text),
      alerts: list(TOLD_ALERT),
      alertsTotal: whole,
    },
  ),
);

export const REPORT = shape(
  'Report',
  object({
    from: moment,
    to: moment,
    triggers: whole,
    effects: mapOf(whole),
    secondsInAlarm: decimal,
    secondsAtLimit: decimal,
    secondsMissing: decimal,
    reasons: mapOf(decimal),
    directionChanges: whole,
    executions: mapOf(whole),
  }),
);

/** Filters of the list of decisions: of the ledger. */
export class DecisionsQuery extends RangeQuery {
  @OneOf(PHASES, 'd.phase', 'The phase')
  phase?: string;

  @OneOf(REASONS, 'd.reason', 'The reason')
  reason?: string;
}

/** Summary of a service over some days. Durations are seconds within that time. */
export interface Report {
  from: string;
  to: string;
  triggers: number;
  /** Number of triggers by outcome, of those whose outcome is recorded. */
  effects: Record<string, number>;
  secondsInAlarm: number;
  secondsAtLimit: number;
  /** Time in the phase `unknown`: readings were missing, nobody polled the service, or it was disabled. */
  secondsMissing: number;
  /** Seconds by reason, for each reason in the ledger. */
  reasons: Record<string, number>;
  /** Number of times its infrastructure was scaled the other way than before, by any service. */
  directionChanges: number;
  /** Number of its executions by status. */
  executions: Record<string, number>;
}

/** Reads the ledger: what was decided, why, and what came of it. */
@Injectable()
export class Decisions {
  constructor(
    private readonly database: Database,
    private readonly services: Services,
    private readonly states: ServiceStates,
    private readonly loader: ServiceLoader,
    private readonly pastValues: PastValues,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async list(reference: string, query: DecisionsQuery): Promise<Page<object>> {
    const service = await this.services.store.get(reference);
    const parameters = new Parameters();
    const { from, to } = query;
    const where = [
      `d.service_id = ${parameters.add(service.id)}`,
      // Intervals that overlap the range.
      ...(from === undefined ? [] : [`d.ended_at IS NULL OR d.ended_at > ${parameters.add(momentOf(from))}`]),
      ...(to === undefined ? [] : [`d.started_at < ${parameters.add(momentOf(to))}`]),
      ...conditionsOf(query, parameters.add),
    ];
    const { items, ...page } = await readPage<DecisionRow & Record<string, unknown>>(
      this.database,
      { select: () => SHOWN, from: 'decisions d', id: 'd.id', where, parameters },
      pageIn(query, NEWEST_FIRST),
    );
    const shown = items.map(({ id: _, to, why: _why, trigger, executions, effect, ...row }) => ({
      ...row,
      ...(to === null ? {} : { to }),
      ...(trigger === null ? {} : { trigger, executions }),
      ...(effect === null ? {} : { effect }),
    }));
    const told = shown.map((one) => ({ service: service.id, shown: one }));
    return { ...page, items: [...(await namingNothingHidden(this.database, told))] };
  }

  /**
   * Explains a service's state at a moment, by default now.
   *
   * @throws NotFound when the ledger has no entry for that moment
   */
  async why(reference: string, at: Date | undefined): Promise<ShownWhy> {
    const service = await this.services.store.get(reference);
    if (at === undefined || at >= this.clock.now()) return this.states.why(reference);
    const [row] = await this.database.rows<DecisionRow>(
      `SELECT ${SHOWN} FROM decisions d
       WHERE d.service_id = $1 AND d.started_at <= $2 AND (d.ended_at IS NULL OR d.ended_at > $2)
       ORDER BY d.started_at DESC LIMIT 1`,
      [service.id, at],
    );
    if (row === undefined) {
      throw new NotFound('decision', `${service.name} at ${at.toISOString()}`);
    }
    const { id: _, from, to, why, trigger, executions, effect, values: atFirst, ...entry } = row;
    const [snapshot] = await this.loader.byIds([service.id]);
    const values = {
      ...atFirst,
      ...(snapshot && (await this.pastValues.values(snapshot.compiled, at, from))),
    };
    const shown: ShownWhy = {
      at: at.toISOString(),
      ...entry,
      from: from.toISOString(),
      ...(to === null ? {} : { to: to.toISOString() }),
      values,
      ...(why === null ? {} : this.pastValues.filledIn(why, values)),
      ...(trigger === null ? {} : { trigger, executions }),
      ...(effect === null ? {} : { effect }),
    };
    return (await namingNothingHidden(this.database, [{ service: service.id, shown }]))[0]!;
  }

  async report(reference: string, days: number): Promise<Report> {
    const service = await this.services.store.get(reference);
    const to = this.clock.now();
    const range = [new Date(to.getTime() - days * DAY_MS), to];
    const [intervals, triggers, executions, changes] = await Promise.all([
      this.database.rows<{ phase: string; reason: string; seconds: number }>(
        `SELECT phase, reason,
           sum(extract(epoch FROM least(coalesce(ended_at, $3), $3) - greatest(started_at, $2)))::float8 AS seconds
         FROM decisions WHERE service_id = $1 AND started_at < $3 AND (ended_at IS NULL OR ended_at > $2) GROUP BY 1, 2`,
        [service.id, ...range],
      ),
      this.database.rows<{ effect: string | null; count: number }>(
        `SELECT effect->>'outcome' AS effect, count(*)::int AS count FROM triggers
         WHERE service_id = $1 AND kind = 'breach' AND at >= $2 AND at < $3 GROUP BY 1 ORDER BY 1`,
        [service.id, ...range],
      ),
      this.database.rows<{ status: string; count: number }>(
        `SELECT status, count(*)::int AS count FROM executions
         WHERE service_id = $1 AND created_at >= $2 AND created_at < $3 GROUP BY 1 ORDER BY 1`,
        [service.id, ...range],
      ),
      this.directionChanges(service.infrastructureId, range),
    ]);
    const sum = (isCounted: (interval: { phase: string; reason: string }) => boolean) =>
      rounded(intervals.filter(isCounted).reduce((total, { seconds }) => total + seconds, 0));
    return {
      from: range[0]!.toISOString(),
      to: to.toISOString(),
      triggers: triggers.reduce((total, { count }) => total + count, 0),
      effects: Object.fromEntries(
        triggers.flatMap(({ effect, count }) => (effect === null ? [] : [[effect, count]])),
      ),
      secondsInAlarm: sum(({ phase }) => phase === 'alarm'),
      secondsAtLimit: sum(({ reason }) => reason === 'at_max_nodes' || reason === 'at_min_nodes'),
      secondsMissing: sum(({ phase }) => phase === 'unknown'),
      reasons: Object.fromEntries(
        [...new Set(intervals.map(({ reason }) => reason))].map((one) => [
          one,
          sum(({ reason }) => reason === one),
        ]),
      ),
      directionChanges: changes,
      executions: Object.fromEntries(executions.map(({ status, count }) => [status, count])),
    };
  }

  /** Counts changes of direction of an infrastructure; triggers in shadow mode don't count. */
  private async directionChanges(infrastructureId: string | null, range: Date[]): Promise<number> {
    if (infrastructureId === null) return 0;
    const [row] = await this.database.rows<{ count: number }>(
      `SELECT count(*)::int AS count FROM (
         SELECT t.direction, lag(t.direction) OVER (ORDER BY t.at, t.id) AS before FROM triggers t
         WHERE t.infrastructure_id = $1 AND t.at >= $2 AND t.at < $3
           AND NOT EXISTS (SELECT FROM decisions d WHERE d.trigger_id = t.id AND d.reason = 'shadowed')) scaled
       WHERE direction <> before`,
      [infrastructureId, ...range],
    );
    return row!.count;
  }
}

const rounded = (seconds: number): number => Number(seconds.toFixed(3));
