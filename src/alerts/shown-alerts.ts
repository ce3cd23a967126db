import { Injectable } from '@nestjs/common';
import {
  conditionsOf,
  Filter,
  HasLabel,
  labelWords,
  OneOf,
  refersTo,
  Same,
  Search,
  searchedIn,
  SortBy,
} from '../api/filters';
import { pageIn } from '../api/page-query';
import { RangeQuery, rangeOf } from '../api/range-query';
import { Database } from '../database/database';
import { NEWEST_FIRST, OLDEST_FIRST, Parameters, readPage, type Page } from '../database/pages';
import { inScopes, ofServiceInScopes, scopesParameter, seenScopes } from '../database/scopes';
import { decimal, labels, list, moment, object, oneOf, shape, text, uuid } from '../common/shapes';

/** Filters of the list of alerts. */
export class AlertsQuery extends RangeQuery {
  @Same('a.source', 'Name of the source')
  source?: string;

  @Same('a.format', 'Its format')
  format?: string;

  @OneOf(['firing', 'resolved'], 'a.status', 'Its status')
  status?: string;

  @Filter({ description: 'Id or name of a service that it was for or matched' }, (values, parameter) => {
    const isIt = refersTo('services', 'm.service_id', values, parameter);
    const scopes = scopesParameter(seenScopes());
    const isSeen = scopes === null ? 'true' : ofServiceInScopes('m.service_id', parameter(scopes));
    return `a.id IN (SELECT m.alert_id FROM alert_matches m WHERE (${isIt}) AND ${isSeen})`;
  })
  service?: string;

  @HasLabel('a.labels')
  label?: string[];

  @Search(
    searchedIn('a.source', 'a.dedup_key', labelWords('a.labels'), labelWords('a.annotations')),
    'source, dedupKey, labels and annotations',
  )
  search?: string;

  @SortBy({
    '-receivedAt': { ...NEWEST_FIRST, name: '-receivedAt' },
    receivedAt: { ...OLDEST_FIRST, name: 'receivedAt' },
  })
  sort = '-receivedAt';
}

export const ALERT = shape(
  'Alert',
  object(
    {
      id: uuid,
      source: text,
      format: text,
      dedupKey: text,
      status: oneOf(['firing', 'resolved']),
      labels,
      annotations: labels,
      // As its sender said, of whatever year.
      at: text,
      receivedAt: moment,
      lastSeenAt: moment,
      matched: list(object({ service: text, metric: text })),
      executions: list(uuid),
    },
    { value: decimal },
  ),
);

interface AlertRow {
  id: string;
  value: number | null;
}

/** Alerts as people and the API see them. */
@Injectable()
export class ShownAlerts {
  constructor(private readonly database: Database) {}

  /** Returns a page of alerts, newest first, with what they matched and what was executed because of them. */
  async list(query: AlertsQuery): Promise<Page<object>> {
    const parameters = new Parameters();
    const scopes = scopesParameter(seenScopes());
    const where = [
      ...rangeOf(query, 'a.received_at', parameters.add),
      ...conditionsOf(query, parameters.add),
      ...(scopes === null ? [] : [matchesWithin(parameters.add(scopes))]),
    ];
    const select = (parameter: Parameters['add']) => shown(parameter(scopes));
    const statement = { select, from: 'alerts a', id: 'a.id', where, parameters };
    const page = await readPage<AlertRow & Record<string, unknown>>(this.database, statement, pageIn(query));
    const items = page.items.map(({ value, ...row }) => ({ ...row, ...(value === null ? {} : { value }) }));
    return { ...page, items };
  }
}

/** SQL: an alert matched a service in the caller's scopes. */
const matchesWithin = (scopes: string): string =>
  `EXISTS (SELECT FROM alert_matches m JOIN services s ON s.id = m.service_id
    WHERE m.alert_id = a.id AND ${inScopes('s.labels', scopes)})`;

/** SQL: what is shown of an alert; within the caller's scopes what it matched and led to. */
const shown = (scopes: string): string =>
  `a.id, a.source, a.format, a.dedup_key AS "dedupKey", a.status, a.value, a.labels, a.annotations, a.at,
   a.received_at AS "receivedAt", a.last_seen_at AS "lastSeenAt",
   coalesce((SELECT jsonb_agg(jsonb_build_object('service', s.name, 'metric', m.metric) ORDER BY s.name, m.metric)
     FROM alert_matches m JOIN services s ON s.id = m.service_id
     WHERE m.alert_id = a.id AND ${inScopes('s.labels', scopes)}), '[]') AS matched,
   array(SELECT e.id FROM trigger_alerts t JOIN executions e ON e.trigger_id = t.trigger_id
     WHERE t.alert_id = a.id AND ${ofServiceInScopes('e.service_id', scopes)} ORDER BY e.id) AS executions`;
