import {
  DEFINITION_ORDERS,
  HasLabel,
  labelWords,
  refersTo,
  Filter,
  Search,
  searchedIn,
  SortBy,
} from '../api/filters';
import { PageQuery } from '../api/page-query';
import { Any, Decimal, inside, Nested, Text, TextMap, Whole, type Problem } from '../common/fields';
import { NAME } from '../common/names';
import { ScheduleDto } from '../silences/silence.dto';
import { EVENTS, type EventName } from './events';

/** Largest `maxPerHour`: the moments of an hour's messages are kept in one row. */
const MESSAGES_AT_MOST = 1_000;

/** Contact: who is told of what, by which action and when. */
export class ContactDto {
  @Text({ description: 'Unique name', ...NAME })
  name: string;

  @Text({ description: 'Who it is, for people', maxLength: 10_000 })
  description: string = '';

  @Text({
    description: 'Name or id of the action that tells: of type chat, email or webhook',
    minLength: 1,
    maxLength: 200,
  })
  action: string;

  @Any(
    { description: 'What it is told of' },
    { type: 'array', items: { type: 'string', enum: [...EVENTS] }, minItems: 1, uniqueItems: true },
    eventsProblem,
  )
  events: EventName[];

  @TextMap({
    description:
      'Labels, all of which a service has that it is told of; sources count by the labels that their alerts carry. Without them, it is told of everything',
  })
  labels: Record<string, string> = {};

  @Nested(() => ScheduleDto, {
    description:
      'Windows in which it is told; what still is so when one begins is told then. Without it, at any time',
    optional: true,
  })
  schedule?: ScheduleDto;

  @Whole({
    description: 'Messages in an hour at most; what is left out is counted in the next one',
    minimum: 1,
    maximum: MESSAGES_AT_MOST,
  })
  maxPerHour = 20;

  @Decimal({
    description: 'Time between two messages at least: what happens meanwhile is told by the second one',
    unit: 's',
    minimum: 0,
    maximum: 86_400,
  })
  groupSeconds = 60;

  @Decimal({
    description: 'Time for which a service is without readings before that is told',
    unit: 's',
    minimum: 0,
    maximum: 2_592_000,
  })
  blindForSeconds = 300;
}

function eventsProblem(value: unknown): Problem {
  const words = EVENTS.join(', ');
  if (!Array.isArray(value) || value.length === 0) return `must be a list of at least one of ${words}`;
  const wrong = value.findIndex((event) => !EVENTS.includes(event as EventName));
  if (wrong >= 0) return inside(wrong, `must be one of ${words}`);
  return new Set(value).size < value.length ? 'must not name an event twice' : undefined;
}

/** Filters and order of the list of contacts. */
export class ContactsQuery extends PageQuery {
  @Search(searchedIn('t.name', 't.description', labelWords('t.labels')), 'name, description and labels')
  search?: string;

  @HasLabel('t.labels')
  label?: string[];

  @Filter({ description: 'Id or name of the action that tells' }, (values, parameter) =>
    refersTo('actions', 't.action_id', values, parameter),
  )
  action?: string;

  @Filter(
    { description: `What it is told of: ${EVENTS.join(', ')}`, check: eventProblem },
    (values, parameter) => `t.events && ${parameter(values)}::text[]`,
  )
  event?: string;

  @SortBy(DEFINITION_ORDERS)
  sort = 'createdAt';
}

export function eventProblem(value: string): string | undefined {
  return EVENTS.includes(value as EventName) ? undefined : `must be one of ${EVENTS.join(', ')}`;
}
