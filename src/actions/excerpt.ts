import { put } from '../common/records';
import { maskTexts } from '../common/secrets';

const TEXT_AT_MOST = 2_000;
const ITEMS_AT_MOST = 20;
const DEPTH_AT_MOST = 6;

/** Returns the value with our secrets masked in every text. */
export function masked(value: unknown, secrets: readonly string[]): unknown {
  return mapped(value, (text) => maskTexts(text, secrets));
}

/** Returns a request as it may be stored: secrets masked, long texts and lists cut. */
export function excerptOf(request: object, secrets: readonly string[]): object {
  // Masked first: what is cut through the middle is not found any more.
  const shortened = (text: string) => cut(maskTexts(text, secrets));
  return mapped(request, shortened, ITEMS_AT_MOST, DEPTH_AT_MOST) as object;
}

const cut = (text: string): string =>
  text.length <= TEXT_AT_MOST ? text : `${text.slice(0, TEXT_AT_MOST)}… (${text.length} characters)`;

function mapped(
  value: unknown,
  change: (text: string) => string,
  items = Infinity,
  depth = Infinity,
): unknown {
  if (typeof value === 'string') return change(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth === 0) return '…';
  const inner = (item: unknown) => mapped(item, change, items, depth - 1);
  if (Array.isArray(value)) return value.slice(0, items).map(inner);
  const excerpt: Record<string, unknown> = {};
  for (const key of Object.keys(value).slice(0, items))
    put(excerpt, key, inner((value as Record<string, unknown>)[key]));
  return excerpt;
}
