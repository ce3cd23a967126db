import { Injectable } from '@nestjs/common';
import { conditionsOf } from '../api/filters';
import type { NamedResource } from '../api/definition.controller';
import { pageIn } from '../api/page-query';
import { SLOTS } from '../common/ids';
import { Database } from '../database/database';
import { Parameters, readPage, type ListStatement, type Page } from '../database/pages';
import { PHASES, type Phase } from '../engine/types';
import { Services } from '../services/services';
import { asksForState, MODES, type ServiceFilter, type ServicesQuery } from './service-query';
import { ServiceStates, type ShownState } from './service-states';
import { lateSql, Unpolled } from './unpolled';

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
    const { with: start, from, where, parameters } = await this.statement(filter, true);
    const rows = await this.database.rows<{ phase: Phase; reason: string; mode: string; count: number }>(
      `${start} SELECT told.phase, told.reason, t.mode, count(*)::int AS count FROM ${from}
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
  ): Promise<Pick<ListStatement, 'with' | 'from' | 'where' | 'parameters'>> {
    const parameters = new Parameters();
    const where = [
      ...this.services.store.seenConditions(parameters.add),
      ...conditionsOf(filter, parameters.add),
    ];
    if (!hasState) return { from: 'services t', where, parameters };
    const unconcerned = await this.unpolled.decidedByAlerts();
    const from = `services t
      LEFT JOIN service_states st ON st.service_id = t.id
      LEFT JOIN late ON late.id = t.id${unconcerned.length === 0 ? '' : ` AND late.id <> ALL(${parameters.add(unconcerned)}::uuid[])`},
      LATERAL (SELECT ${PHASE} AS phase, ${REASON} AS reason, ${SINCE} AS since) told`;
    return { with: LATE, from, where, parameters };
  }
}

/** Those of whom it is not written down yet. */
const LATE = lateSql('0', '0', String(SLOTS - 1), `st.state->>'reason' IS DISTINCT FROM 'not_polled'`);

// What `ServiceStates` tells of a service `t` with the state `st`, and why.
const PHASE = `CASE WHEN late.id IS NULL AND t.enabled THEN coalesce(st.state->>'phase', 'unknown') ELSE 'unknown' END`;
const REASON = `CASE WHEN NOT t.enabled THEN 'disabled' WHEN late.id IS NOT NULL THEN 'not_polled'
  ELSE coalesce(st.state->>'reason', 'missing_data') END`;
/** Milliseconds since 1970. A phase that goes on has begun when it began. */
const SINCE = `CASE WHEN late.id IS NOT NULL AND st.state->>'phase' <> 'unknown' THEN extract(epoch FROM late.since) * 1000
  ELSE coalesce((st.state->>'since')::float8, extract(epoch FROM t.updated_at) * 1000) END::float8`;

const zeros = <W extends string>(words: readonly W[]): Record<W, number> =>
  Object.fromEntries(words.map((word) => [word, 0])) as Record<W, number>;

/** Adds what is told of a service; nothing of one that was deleted meanwhile. */
function withState(item: NamedResource, states: ReadonlyMap<string, ShownState>): ListedService {
  const state = states.get(item.id);
  return state === undefined ? item : { ...item, state };
}
