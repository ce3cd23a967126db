import { InvalidInput } from '../common/errors';
import { Text } from '../common/fields';
import { PageQuery } from './page-query';

/** `?from=` and `?to=` of everything that has a time; `from` is included, `to` is not. */
export class RangeQuery extends PageQuery {
  @Text({ description: 'From this moment on (RFC 3339)', optional: true, check: momentProblem })
  from?: string;

  @Text({ description: 'Before this moment (RFC 3339)', optional: true, check: momentProblem })
  to?: string;
}

export const momentOf = (text: string | undefined): Date | undefined =>
  text === undefined ? undefined : new Date(text);

/** RFC 3339, or a bare date. */
const MOMENT = /^\d{4}-\d{2}-\d{2}(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:[Zz]|[+-]\d{2}:?\d{2}))?$/;

export function momentProblem(text: string): string | undefined {
  const isMoment = MOMENT.test(text) && !Number.isNaN(Date.parse(text));
  return isMoment ? undefined : 'must be a time like 2026-11-22T10:00:00Z';
}

/** An id in a path of things that have no names. */
export function idOf(text: string): string {
  if (/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text)) return text;
  throw new InvalidInput([{ pointer: '/id', detail: `${JSON.stringify(text)} is no id` }]);
}
