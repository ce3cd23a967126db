/** Filters and orders of the list of services, over their definitions `t` and what is told of them now, `told`. */
import { DEFINITION_ORDERS, Filter, HasLabel, IsTrue, OneOf, refersTo, Search, SortBy } from '../api/filters';
import { CURSOR, LIMIT, LIMIT_BY_DEFAULT } from '../api/page-query';
import { Choice, Text, Whole } from '../common/fields';
import type { Order } from '../database/pages';
import { PHASES, REASONS, type Mode } from '../engine/types';

/** Severity of the phase `unknown`: of `alarm` 0, `pending` 2, `ok` 3, as in the column of states. */
export const SEVERITY_OF_UNKNOWN = 1;

const WORST_FIRST: Order = {
  name: 'severity',
  keys: [
    { expression: 'told.severity', type: 'float8' },
    { expression: 'told.since', type: 'float8' },
  ],
};

export const MODES: readonly Mode[] = ['auto', 'shadow', 'approve'];

/** Filters of services, of the list as of the counts and of changes of many. */
export class ServiceFilter {
  @Search('t.searched', 'name, description and labels')
  search?: string;

  @HasLabel('t.labels')
  label?: string[];

  @OneOf(PHASES, 'told.phase', 'Its phase')
  phase?: string;

  @OneOf(REASONS, 'told.reason', 'Its reason')
  reason?: string;

  @OneOf(MODES, 't.mode', 'Its mode')
  mode?: string;

  @IsTrue('t.enabled', 'Whether it is enabled')
  enabled?: string;

  @Filter({ description: 'Name or id of the infrastructure that it scales' }, (values, parameter) =>
    refersTo('infrastructures', 't.infrastructure_id', values, parameter),
  )
  infrastructure?: string;

  @Filter(
    { description: 'Name or id of an action that it names, in any of its steps', isRepeatable: true },
    (values, parameter) =>
      `t.id IN (SELECT u.service_id FROM service_actions u WHERE ${refersTo('actions', 'u.action_id', values, parameter)})`,
  )
  action?: string[];
}

/** Filters and order of the list of services. */
export class ServicesQuery extends ServiceFilter {
  @Whole(LIMIT)
  limit = LIMIT_BY_DEFAULT;

  @Text(CURSOR)
  cursor?: string;

  @SortBy(
    { ...DEFINITION_ORDERS, severity: WORST_FIRST },
    '; severity: alarm, unknown, pending, ok, and then the longest first',
  )
  sort = 'createdAt';

  @Choice(['state'], { description: 'Adds the `state` of each', optional: true })
  include?: string;
}

/** Tells whether a filter asks for what is told of services now. */
export const asksForState = ({ phase, reason }: ServiceFilter): boolean =>
  phase !== undefined || reason !== undefined;
