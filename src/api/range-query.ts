import { InvalidInput } from '../common/errors';
import { Text } from '../common/fields';
import type { Parameters } from '../database/pages';
import { PageQuery } from './page-query';

/** Query `?from=` (inclusive) and `?to=` (exclusive) of lists that have a time. */
export class RangeQuery extends PageQuery {
  @Text({ description: 'From this moment on (RFC 3339)', optional: true, check: momentProblem })
  from?: string;

  @Text({ description: 'Before this moment (RFC 3339)', optional: true, check: momentProblem })
  to?: string;
}

/** Returns the SQL conditions of a range. @param moment SQL expression */
export const rangeOf = ({ from, to }: RangeQuery, moment: string, parameter: Parameters['add']): string[] => [
  ...(from === undefined ? [] : [`${moment} >= ${parameter(momentOf(from))}::timestamptz`]),
  ...(to === undefined ? [] : [`${moment} < ${parameter(momentOf(to))}::timestamptz`]),
];

export const momentOf = (text: string | undefined): Date | undefined =>
  text === undefined ? undefined : new Date(text);

/** Moment of RFC 3339, or a bare date. */
const MOMENT = /^(\d{4}-\d{2}-\d{2})(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:[Zz]|[+-]\d{2}:?\d{2}))?$/;

export function momentProblem(text: string): string | undefined {
  const [, day] = MOMENT.exec(text) ?? [];
  if (day === undefined || Number.isNaN(Date.parse(text))) return 'must be a time like 2026-11-22T10:00:00Z';
  // `Date` takes a 31st of every month, and makes it the 1st of the next.
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day)
    ? undefined
    : `must be on a day that there is: no calendar has ${day}`;
}

/**
 * Returns an id from a path, for things without names.
 *
 * @throws InvalidInput when it is no UUID
 */
export function idOf(text: string): string {
  if (/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text)) return text;
  throw new InvalidInput([{ pointer: '/id', detail: `${JSON.stringify(text)} is no id` }]);
}
