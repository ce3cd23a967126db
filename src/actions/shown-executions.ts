import { Injectable } from '@nestjs/common';
import { conditionsOf, Filter, HasLabel, OneOf, Search, searchedIn, SortBy } from '../api/filters';
import { pageIn } from '../api/page-query';
import { RangeQuery, rangeOf } from '../api/range-query';
import { NotFound } from '../common/errors';
import { isId } from '../common/ids';
import { Database } from '../database/database';
import { namingNothingHidden } from '../database/out-of-scope';
import { NEWEST_FIRST, OLDEST_FIRST, Parameters, readPage, type Page } from '../database/pages';
import { inScopes, LABELS_OF_EXECUTION, scopesParameter, seenScopes } from '../database/scopes';
import type { Attempt, ExecutionStatus } from './execution';
import { IS_TOLD_BY_ROW, withOwnBody } from './execution-body';
import { decimal, list, moment, object, oneOf, shape, someObject, text, uuid, whole } from '../common/shapes';

const STATUSES: readonly ExecutionStatus[] = [
  'queued', 'awaiting_approval', 'running', 'waiting', 'held', 'succeeded', 'failed', 'unknown', 'cancelled', 'shadowed',
]; // prettier-ignore

/** SQL condition: the action of an execution `e` is in the scopes of a parameter. */
const seesAction = (scopes: string): string =>
  inScopes('(SELECT a.labels FROM actions a WHERE a.id = e.action_id)', scopes);

/** SQL text: the name of its action; out of the scopes of a parameter, its id. */
const shownAction = (scopes: string): string =>
  `CASE WHEN ${scopes}::jsonb[] IS NULL OR ${seesAction(scopes)} THEN e.action_name ELSE e.action_id::text END`;

/** SQL text: a justification to search in, where it names nothing that is out of the scopes of a parameter. */
const seenJustification = (scopes: string): string =>
  `CASE WHEN e.justification LIKE '%, on which it depends, %' OR EXISTS (
     SELECT FROM services s JOIN infrastructures i ON i.id = s.infrastructure_id
     WHERE s.id = e.service_id AND NOT ${inScopes('i.labels', scopes)})
   THEN '' ELSE e.justification END`;

/** Filters of the list of executions. */
export class ExecutionsQuery extends RangeQuery {
  @Filter({ description: 'Id or name of the service, also an earlier name' }, (values, parameter) => {
    const names = parameter(values);
    return `e.service_name = ANY(${names}::text[]) OR e.service_id IN (SELECT id FROM services WHERE name = ANY(${names}::text[]))
      OR e.service_id = ANY(${parameter(values.filter(isId))}::uuid[])`;
  })
  service?: string;

  @Filter({ description: 'Id or name of the action, also an earlier name' }, (values, parameter) => {
    const names = parameter(values);
    const isSeen = seesAction(parameter(scopesParameter(seenScopes())));
    return `(e.action_name = ANY(${names}::text[]) OR e.action_id IN (SELECT id FROM actions WHERE name = ANY(${names}::text[])))
      AND ${isSeen} OR e.action_id = ANY(${parameter(values.filter(isId))}::uuid[])`;
  })
  action?: string;

  @OneOf(STATUSES, 'e.status', 'Its status')
  status?: string;

  @OneOf(
    ['trigger', 'test', 'approval', 'notice'],
    'e.kind',
    'What made it: a trigger, a test by a person, which has no service, an approval that is asked for, or a message to a contact',
  )
  kind?: string;

  @Filter(
    { description: 'Id of the trigger that made it' },
    (values, parameter) => `e.trigger_id = ANY(${parameter(values.filter(isId))}::uuid[])`,
  )
  trigger?: string;

  @HasLabel(LABELS_OF_EXECUTION, 'A label of its service')
  label?: string[];

  @Search((parameter) => {
    const scopes = scopesParameter(seenScopes());
    if (scopes === null) return searchedIn('e.service_name', 'e.action_name', 'e.justification');
    const seen = parameter(scopes);
    return searchedIn('e.service_name', shownAction(seen), seenJustification(seen));
  }, 'service, action and justification')
  search?: string;

  @SortBy({ '-createdAt': NEWEST_FIRST, createdAt: OLDEST_FIRST })
  sort = '-createdAt';
}

interface ExecutionRow {
  id: string;
  kind: 'trigger' | 'test' | 'approval' | 'notice';
  serviceId: string | null;
  /** Name of the service; null in tests and in messages to contacts, which have no trigger either. */
  service: string | null;
  action: string;
  trigger: string | null;
  status: ExecutionStatus;
  justification: string;
  attempts: Attempt[];
  createdAt: Date;
  nextAttemptAt: Date | null;
  expiresAt: Date | null;
  finishedAt: Date | null;
  /** Sentence about the limit it waits for. */
  held: string | null;
  /** Name of the contact that it tells. */
  contact: string | null;
  /** What its templates see, where the body of a request is told by it. */
  variables: Record<string, unknown> | null;
  /** Effect on the nodes of an infrastructure. */
  nodes: { current: number; desired: number; delta: number; direction?: string } | null;
}

const ATTEMPT = shape(
  'Attempt',
  object(
    { startedAt: moment },
    {
      finishedAt: moment,
      outcome: oneOf([
        'succeeded',
        'accepted',
        'permanent',
        'retryable',
        'not_yet',
        'ambiguous',
        'lost',
        'person',
      ]),
      request: someObject,
      error: text,
      detail: text,
      times: whole,
      intended: someObject,
    },
  ),
);

export const EXECUTION = shape(
  'Execution',
  object(
    {
      id: uuid,
      kind: oneOf(['trigger', 'test', 'approval', 'notice']),
      action: text,
      status: oneOf(STATUSES),
      justification: text,
      attempts: list(ATTEMPT),
      createdAt: moment,
      idempotencyKey: uuid,
    },
    {
      service: text,
      contact: text,
      trigger: uuid,
      nextAttemptAt: moment,
      expiresAt: moment,
      finishedAt: moment,
      held: text,
      nodes: object(
        { current: decimal, desired: decimal, delta: decimal },
        { direction: oneOf(['up', 'down']) },
      ),
    },
  ),
);

/** SQL: what is shown; `$1` are the caller's scopes, out of which an action has no name. */
const SHOWN = `e.id, e.kind, e.service_id AS "serviceId", e.service_name AS service,
  ${shownAction('$1')} AS action,
  e.trigger_id AS trigger, e.status, e.justification,
  e.attempts, e.created_at AS "createdAt", e.next_attempt_at AS "nextAttemptAt", e.expires_at AS "expiresAt", e.finished_at AS "finishedAt",
  CASE WHEN ${IS_TOLD_BY_ROW} THEN e.variables END AS variables, e.held->>'why' AS held, e.variables->'nodes' AS nodes, e.variables->'contact'->>'name' AS contact`;

/** Executions as people and the API see them. */
@Injectable()
export class ShownExecutions {
  constructor(private readonly database: Database) {}

  /** Returns a page of executions, newest first. */
  async list(query: ExecutionsQuery): Promise<Page<object>> {
    const parameters = new Parameters();
    const where = [
      inScopes(LABELS_OF_EXECUTION, parameters.add(scopesParameter(seenScopes()))),
      ...rangeOf(query, 'e.created_at', parameters.add),
      ...conditionsOf(query, parameters.add),
    ];
    const statement = { select: () => SHOWN, from: 'executions e', id: 'e.id', where, parameters };
    const page = await readPage<ExecutionRow & Record<string, unknown>>(
      this.database,
      statement,
      pageIn(query),
    );
    return { ...page, items: await this.shown(page.items) };
  }

  /** @throws NotFound */
  async get(id: string): Promise<object> {
    const [row] = await this.database.rows<ExecutionRow>(
      `SELECT ${SHOWN} FROM executions e WHERE e.id = $2 AND ${inScopes(LABELS_OF_EXECUTION, '$1')}`,
      [scopesParameter(seenScopes()), id],
    );
    if (row === undefined) throw new NotFound('execution', id);
    return (await this.shown([row]))[0]!;
  }

  private async shown(rows: readonly ExecutionRow[]): Promise<object[]> {
    const told = rows.map((row) => ({ service: row.serviceId, shown: show(row) }));
    return [...(await namingNothingHidden(this.database, told))];
  }
}

/** Returns an execution as it is shown, without fields that are null. */
function show({ serviceId: _, variables, attempts, ...row }: ExecutionRow): object {
  const told =
    variables === null
      ? attempts
      : attempts.map((one) =>
          one.request === undefined ? one : { ...one, request: withOwnBody(one.request, row.id, variables) },
        );
  const known = Object.entries({ ...row, attempts: told }).filter(([, value]) => value !== null);
  return { ...Object.fromEntries(known), idempotencyKey: row.id };
}
