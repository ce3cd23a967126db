/** Parts of a message that are kept: bounded, and without credentials. */
import { bearerIn, passwordIn } from '../../auth/auth';
import { isObject, storable } from '../../common/json';
import { numberOrProblemAt } from '../../common/json-path';
import { put } from '../../common/records';
import type { Facts } from './alert-format';
import { isSecretName, MASK, maskSecrets } from './mask-secrets';

const MAX_CHARACTERS = 8_000;
const MAX_TEXT = 2_000;
const MAX_DEPTH = 12;

/**
 * Returns one alert in its own format, bounded, as a metric's JSONPath sees it. What is over 8,000 characters, or
 * deeper than 12, is left out.
 */
export function keptAlert(given: unknown): unknown {
  let left = MAX_CHARACTERS;
  const keep = (value: unknown, depth: number): unknown => {
    if (typeof value === 'string') {
      const text = value.slice(0, Math.min(MAX_TEXT, left));
      left -= text.length;
      return text;
    }
    left -= 4;
    if (typeof value === 'number') return Number.isFinite(value) ? value : null;
    if (typeof value === 'boolean') return value;
    if (depth >= MAX_DEPTH || typeof value !== 'object' || value === null) return null;
    if (Array.isArray(value)) {
      const items: unknown[] = [];
      for (const item of value) {
        if (left <= 0) break;
        items.push(keep(item, depth + 1));
      }
      return items;
    }
    const kept: Record<string, unknown> = {};
    const fields = value as Record<string, unknown>;
    for (const name of Object.keys(fields)) {
      const inner = fields[name];
      left -= name.length;
      if (left <= 0) break;
      const isSecret = typeof inner === 'string' && isSecretName(name);
      put(kept, name, isSecret ? MASK : keep(inner, depth + 1));
    }
    return kept;
  };
  return keep(given, 0);
}

const MAX_SHOWN = 4_000;

/** Beginning of a message: attributes of a CloudEvent in binary mode, and the first part of the body. */
export interface Head {
  attributes: [string, unknown][];
  body: Buffer;
  /** Credentials of the sender, which may stand in the body again. */
  tokens: string[];
}

/** Returns the beginning of a message as a copy, so that the body itself can be freed. */
export function headOf({ raw, headers, query }: Facts): Head {
  const attributes = Object.entries(headers).filter(
    ([name]) => name.startsWith('ce-') && !isSecretName(name),
  );
  const tokens = [bearerIn(headers), passwordIn(headers), query.token].filter(
    (one) => typeof one === 'string',
  );
  return { attributes, body: Buffer.from(raw.subarray(0, MAX_SHOWN)), tokens };
}

/** Returns the beginning of a message as text for people, with secrets masked. */
export function shownPayload({ attributes, body, tokens }: Head): string {
  const lines = attributes.map(([name, value]) => `${name}: ${String(value)}\n`).join('');
  return maskSecrets(storable(lines.slice(0, MAX_SHOWN) + body.toString('utf8')), tokens);
}

/** Returns the number at a metric's value path, or why there is none. */
export function foundAt(path: string, document: unknown): { number: number | null; problem: string | null } {
  return { number: null, problem: null, ...numberOrProblemAt(path, document) };
}

/**
 * Returns the document for a metric's JSONPath: the alert in its own format or, where that was not kept, in normal
 * form.
 */
export function documentOf(alert: {
  raw?: unknown;
  status: string;
  value?: number | null;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}): unknown {
  if (isObject(alert.raw)) return alert.raw;
  const { status, value, labels, annotations } = alert;
  return { status, labels, annotations, ...(value === undefined || value === null ? {} : { value }) };
}
