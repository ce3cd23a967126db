import { Text, Whole } from '../common/fields';

/** Query `?limit=` and `?cursor=` of every list. */
export class PageQuery {
  @Whole({ description: 'How many to answer at most', minimum: 1, maximum: 500 })
  limit = 50;

  @Text({
    description: 'Where to go on: `nextCursor` of the page before',
    optional: true,
    pattern: /^[0-9a-f-]{36}$/,
    patternHint: 'must be a nextCursor that was answered before',
  })
  cursor?: string;

  /** Returns the query with its numbers, which arrive as texts, as numbers. */
  static numbers(query: Record<string, string>): Record<string, unknown> {
    return query.limit === undefined ? query : { ...query, limit: Number(query.limit) };
  }
}
