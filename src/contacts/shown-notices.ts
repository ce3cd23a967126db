import { Injectable } from '@nestjs/common';
import { conditionsOf, Filter, OneOf } from '../api/filters';
import { pageIn } from '../api/page-query';
import { RangeQuery, rangeOf } from '../api/range-query';
import { moment, object, oneOf, shape, someObject, text, uuid } from '../common/shapes';
import { Database } from '../database/database';
import { NEWEST_FIRST, Parameters, readPage, type Page } from '../database/pages';
import { ofServiceInScopes, scopesParameter, seenScopes } from '../database/scopes';
import { eventProblem } from './contact.dto';
import { Contacts } from './contacts';
import { EVENTS } from './events';

const STATUSES = ['waiting', 'told', 'left_out'];

/** Filters of the notices of a contact. */
export class NoticesQuery extends RangeQuery {
  @Filter(
    { description: `What happened: ${EVENTS.join(', ')}`, check: eventProblem },
    (values, parameter) => `n.event = ANY(${parameter(values)}::text[])`,
  )
  event?: string;

  @OneOf([...STATUSES], 'n.status', 'What became of it')
  status?: string;
}

/** Shape of a notice. */
export const NOTICE = shape(
  'Notice',
  object(
    {
      id: uuid,
      event: oneOf(EVENTS),
      text,
      about: someObject,
      since: moment,
      noticedAt: moment,
      status: oneOf(STATUSES),
    },
    {
      waitsFor: text,
      why: text,
      execution: uuid,
      toldAt: moment,
      endedAt: moment,
      endedHow: text,
      endExecution: uuid,
      endToldAt: moment,
    },
  ),
);

interface NoticeRow extends Record<string, unknown> {
  id: string;
  facts: object;
}

const SHOWN = `n.id, n.event, n.text, n.facts, n.since, n.noticed_at AS "noticedAt", n.status, n.waits_for AS "waitsFor", n.why,
  n.execution_id AS execution, n.told_at AS "toldAt", n.ended_at AS "endedAt", n.ended_how AS "endedHow",
  n.end_execution_id AS "endExecution", n.end_told_at AS "endToldAt"`;

/** What contacts were told, what waits for what, and what was left out and why. */
@Injectable()
export class ShownNotices {
  constructor(
    private readonly database: Database,
    private readonly contacts: Contacts,
  ) {}

  /**
   * Returns a page of the notices of a contact, newest first.
   *
   * @throws NotFound
   */
  async of(reference: string, query: NoticesQuery): Promise<Page<object>> {
    const { id } = await this.contacts.store.get(reference);
    const parameters = new Parameters();
    const scopes = parameters.add(scopesParameter(seenScopes()));
    const where = [
      `n.contact_id = ${parameters.add(id)}`,
      // What it was told before it was confined to a scope is not for those of the scope.
      `n.service_id IS NULL OR ${ofServiceInScopes('n.service_id', scopes)}`,
      ...rangeOf(query, 'n.noticed_at', parameters.add),
      ...conditionsOf(query, parameters.add),
    ];
    const statement = { select: () => SHOWN, from: 'notices n', id: 'n.id', where, parameters };
    const page = await readPage<NoticeRow>(this.database, statement, pageIn(query, NEWEST_FIRST));
    return { ...page, items: page.items.map(shown) };
  }
}

/** Returns a notice without fields that are null. */
function shown({ facts, ...row }: NoticeRow): object {
  const known = Object.entries(row).filter(([, value]) => value !== null);
  return { about: facts, ...Object.fromEntries(known) };
}
