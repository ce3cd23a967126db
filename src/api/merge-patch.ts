import { isKept, isReference } from '../common/secret-value';
import { own, put } from '../common/records';

/**
 * Returns a merge of two values (RFC 7396): objects are merged, `null` removes, anything else replaces. Neither
 * argument is changed. A secret is one value: it is replaced, never merged into.
 */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Record<string, unknown> = isObject(target) && !isSecret(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else put(result, key, mergePatch(own(result, key), value));
  }
  return result;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isSecret = (value: unknown): boolean => isKept(value) || isReference(value);
