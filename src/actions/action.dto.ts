import { DEFINITION_ORDERS, HasLabel, labelWords, Same, Search, searchedIn, SortBy } from '../api/filters';
import { CURSOR, LIMIT, LIMIT_BY_DEFAULT } from '../api/page-query';
import { Choice } from '../common/choice';
import { Decimal, Nested, Text, TextMap, Whole } from '../common/fields';
import { NAME } from '../common/names';

/** Retry policy: how often and how fast an attempt is repeated. */
export class RetryDto {
  @Whole({ description: 'Tries in all', minimum: 1, maximum: 100 })
  attempts = 5;

  @Decimal({
    description: 'Before the second try; doubles from try to try, with up to 25 % jitter',
    unit: 's',
    minimum: 0,
    maximum: 86_400,
  })
  backoffSeconds = 2;

  @Decimal({ description: 'The longest time between two tries', unit: 's', minimum: 0, maximum: 86_400 })
  maxBackoffSeconds = 300;
}

/** Named, reusable action. */
export class ActionDto extends Choice {
  @Text({ description: 'Unique name', ...NAME })
  name: string;

  @Text({ description: 'What it does, for people' })
  description: string = '';

  @TextMap({ description: 'Labels, by which grants can name it' })
  labels: Record<string, string> = {};

  @Decimal({ description: 'How long one try may take', unit: 's', minimum: 0.1, maximum: 3_600 })
  timeoutSeconds = 30;

  @Whole({
    description: 'How many of its executions may be in flight at once; others wait',
    optional: true,
    minimum: 1,
    maximum: 100_000,
  })
  concurrency?: number;

  @Whole({
    description:
      'How many executions, of any action, may be in flight at its target when one of it begins; others wait',
    optional: true,
    minimum: 1,
    maximum: 100_000,
  })
  targetConcurrency?: number;

  @Nested(() => RetryDto, { description: 'What happens when a try fails but another may succeed' })
  retry: RetryDto = new RetryDto();
}

/** Filters of actions, of the list as of changes of many. */
export class ActionFilter {
  @Search(searchedIn('t.name', 't.description', labelWords('t.labels')), 'name, description and labels')
  search?: string;

  @HasLabel('t.labels')
  label?: string[];

  @Same('t.type', 'Its type')
  type?: string;
}

/** Filters and order of the list of actions. */
export class ActionsQuery extends ActionFilter {
  @Whole(LIMIT)
  limit = LIMIT_BY_DEFAULT;

  @Text(CURSOR)
  cursor?: string;

  @SortBy(DEFINITION_ORDERS)
  sort = 'createdAt';
}
