import type { Type } from '@nestjs/common';
import { checked } from '../common/check';
import { Text, Whole } from '../common/fields';
import { ordersOf, plainQuery, type GivenQuery } from './filters';
import { OLDEST_FIRST, type Order, type PageRequest } from '../database/pages';

/** Longest cursor, characters: that of a name, four bytes a character, in Base64. */
const CURSOR_AT_MOST = 4_000;

export const LIMIT = { description: 'How many to answer at most', minimum: 1, maximum: 500 };
export const LIMIT_BY_DEFAULT = 50;

export const CURSOR = {
  description: 'Where to go on: `nextCursor` of the page before, with the same `sort`',
  optional: true,
  maxLength: CURSOR_AT_MOST,
};

/** Query `?limit=` and `?cursor=` of every list. */
export class PageQuery {
  @Whole(LIMIT)
  limit = LIMIT_BY_DEFAULT;

  @Text(CURSOR)
  cursor?: string;
}

/**
 * Returns the query of a list, checked: filters that it does not have are named.
 *
 * @throws InvalidInput
 */
export const queryOf = <Q extends PageQuery>(cls: Type<Q>, given: GivenQuery): Q =>
  checked(cls, plainQuery(cls, given));

/** Returns which page a query asks for. @param order where the query has no `sort` */
export function pageIn(query: PageQuery & { sort?: string }, order: Order = OLDEST_FIRST): PageRequest {
  const { limit, cursor, sort } = query;
  const orders = ordersOf(query);
  return { limit, cursor, order: (sort === undefined ? undefined : orders?.[sort]) ?? order };
}
