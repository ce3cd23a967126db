import { Injectable } from '@nestjs/common';
import { conditionsOf } from '../api/filters';
import type { NamedResource } from '../api/definition.controller';
import { pageIn } from '../api/page-query';
import { Database } from '../database/database';
import { Parameters, readPage, type ListStatement, type Page } from '../database/pages';
import { PHASES, type Phase } from '../engine/types';
import { Services } from '../services/services';
import {
  asksForState,
  MODES,
  SEVERITY_OF_UNKNOWN,
  type ServiceFilter,
  type ServicesQuery,
} from './service-query';
import { ServiceStates, type ShownState } from './service-states';
import { Unpolled } from './unpolled';

/** Service as it is listed. */
export type ListedService = NamedResource & { state?: ShownState };

/** Numbers of services that a filter selects. */
export interface ServiceCounts {
  total: number;
  phases: Record<Phase, number>;
  /** Reasons that occur. */
  reasons: Record<string, number>;
  modes: Record<string, number>;
}

/** Lists and counts services by what they are and by what is told of them now: what nobody looks at is never `ok`. */
@Injectable()
export class ServiceList {
  constructor(
    private readonly database: Database,
    private readonly services: Services,
    private readonly states: ServiceStates,
    private readonly unpolled: Unpolled,
  ) {}

  async page(query: ServicesQuery): Promise<Page<ListedService>> {
    const page = await this.ids(query);
    const ids = page.items;
    const [items, states] = await Promise.all([
      this.services.byIds(ids),
      query.include === undefined ? undefined : this.states.ofAll(ids),
    ]);
    return { ...page, items: states === undefined ? items : items.map((item) => withState(item, states)) };
  }

  /** Returns ids of services. */
  async ids(query: ServicesQuery): Promise<Page<string>> {
    const statement = await this.statement(query, asksForState(query) || query.sort === 'severity');
    const page = await readPage(
      this.database,
      { ...statement, select: () => 't.id', id: 't.id' },
      pageIn(query),
    );
    return { ...page, items: page.items.map(({ id }) => id) };
  }

  /** Counts services in one statement. */
  async counts(filter: ServiceFilter): Promise<ServiceCounts> {
    const { from, where, parameters } = await this.statement(filter, true);
    const rows = await this.database.rows<{ phase: Phase; reason: string; mode: string; count: number }>(
      `SELECT told.phase, told.reason, t.mode, count(*)::int AS count FROM ${from}
       WHERE ${['true', ...where].map((condition) => `(${condition})`).join(' AND ')} GROUP BY 1, 2, 3`,
      parameters.values,
    );
    const counts: ServiceCounts = { total: 0, phases: zeros(PHASES), reasons: {}, modes: zeros(MODES) };
    for (const { phase, reason, mode, count } of rows) {
      counts.total += count;
      counts.phases[phase] += count;
      counts.reasons[reason] = (counts.reasons[reason] ?? 0) + count;
      counts.modes[mode] = (counts.modes[mode] ?? 0) + count;
    }
    return counts;
  }

  /** @param hasState whether it needs what is told of services now */
  private async statement(
    filter: ServiceFilter,
    hasState: boolean,
  ): Promise<Pick<ListStatement, 'from' | 'where' | 'parameters'>> {
    const parameters = new Parameters();
    const where = [
      ...this.services.store.seenConditions(parameters.add),
      ...conditionsOf(filter, parameters.add),
    ];
    if (!hasState) return { from: 'services t', where, parameters };
    const late = await this.unpolled.unrecorded();
    const from = `services t LEFT JOIN service_states st ON st.service_id = t.id${lateJoin(late, parameters.add)},
      LATERAL (SELECT ${toldSql(late.size > 0)}) told`;
    return { from, where, parameters };
  }
}

/** SQL: services that nobody has polled, as `late`; nothing, as mostly, where there are none. */
const lateJoin = (late: ReadonlyMap<string, Date>, parameter: Parameters['add']): string =>
  late.size === 0
    ? ''
    : ` LEFT JOIN unnest(${parameter([...late.keys()])}::uuid[], ${parameter([...late.values()].map(Number))}::float8[])
        AS late (id, since) ON late.id = t.id`;

/** SQL: what `ServiceStates` tells of a service `t` with the state `st`. @param hasLate whether there is `late` */
function toldSql(hasLate: boolean): string {
  const isLate = hasLate ? 'late.id IS NOT NULL' : 'false';
  const isKnown = `t.enabled AND NOT (${isLate})`;
  return `CASE WHEN ${isKnown} THEN coalesce(st.phase, 'unknown') ELSE 'unknown' END AS phase,
    CASE WHEN ${isKnown} THEN coalesce(st.severity, ${SEVERITY_OF_UNKNOWN}) ELSE ${SEVERITY_OF_UNKNOWN} END AS severity,
    CASE WHEN NOT t.enabled THEN 'disabled' WHEN ${isLate} THEN 'not_polled' ELSE coalesce(st.reason, 'missing_data') END AS reason,
    ${hasLate ? `CASE WHEN ${isLate} AND st.phase <> 'unknown' THEN late.since ELSE ${SINCE} END` : SINCE} AS since`;
}

/** Milliseconds since 1970. A phase that goes on has begun when it began. */
const SINCE = `coalesce(st.since, extract(epoch FROM t.updated_at)::float8 * 1000)`;

const zeros = <W extends string>(words: readonly W[]): Record<W, number> =>
  Object.fromEntries(words.map((word) => [word, 0])) as Record<W, number>;

/** Adds what is told of a service; nothing of one that was deleted meanwhile. */
function withState(item: NamedResource, states: ReadonlyMap<string, ShownState>): ListedService {
  const state = states.get(item.id);
  return state === undefined ? item : { ...item, state };
}
