import { step } from './pointer';
import { own } from './records';
import { isSealed } from './secret-value';

/** Field that differs between two values; a side on which it is not there has no member. */
export interface Change {
  /** JSON pointer (RFC 6901). */
  pointer: string;
  before?: unknown;
  after?: unknown;
}

/** Returns the differences of two JSON values, field by field. A list is one value, and so is a secret. */
export function differences(before: unknown, after: unknown, pointer = ''): Change[] {
  if (isSealed(before) && isSealed(after) && before.sealed === after.sealed) return [];
  const isBranch = isObject(before) && isObject(after) && !isSealed(before) && !isSealed(after);
  if (!isBranch) return isSame(before, after) ? [] : [changeOf(pointer, before, after)];
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return keys.flatMap((key) => differences(own(before, key), own(after, key), pointer + step(key)));
}

const changeOf = (pointer: string, before: unknown, after: unknown): Change => ({
  pointer,
  ...(before === undefined ? {} : { before }),
  ...(after === undefined ? {} : { after }),
});

function isSame(one: unknown, other: unknown): boolean {
  if (Array.isArray(one) && Array.isArray(other))
    return (
      one.length === other.length && one.every((item, index) => differences(item, other[index]).length === 0)
    );
  return one === other;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
