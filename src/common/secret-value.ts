import type { FieldError } from './errors';
import { step } from './pointer';

/**
 * Reference to a secret outside the definition. A definition may give a secret as its text, `{"env":
 * "MONSCALE_PARAM_NAME"}`, `{"file": "/path"}`, or `{"secret": true}`, which keeps the stored one. At rest a text is
 * `{"sealed": "…"}`.
 */
export type SecretReference = { env: string } | { file: string };
export type SealedSecret = { sealed: string };
export const KEPT_SECRET = Object.freeze({ secret: true as const });

export const isReference = (value: unknown): value is SecretReference =>
  isOnly(value, 'env', 'string') || isOnly(value, 'file', 'string');
export const isSealed = (value: unknown): value is SealedSecret => isOnly(value, 'sealed', 'string');
export const isKept = (value: unknown): boolean =>
  isOnly(value, 'secret', 'boolean') && (value as { secret: boolean }).secret;

/**
 * Names of the variables that definitions may refer to. Others are closed: whoever refers to one could have it sent to
 * his own host.
 */
const PARAM_VARIABLE = /^MONSCALE_PARAM_[A-Za-z0-9_]+$/;

/** Returns why a definition can't refer to a variable, as the end of a sentence; undefined when it can. */
export const variableProblem = (name: string): string | undefined =>
  PARAM_VARIABLE.test(name)
    ? undefined
    : 'must name a variable MONSCALE_PARAM_…: no other is open to definitions';

/**
 * Returns what is wrong with a secret given as an object, with its place where that is inside; the field that a text
 * stands in checks the text.
 */
export function secretProblem(value: unknown): string | FieldError | undefined {
  if (typeof value !== 'object') return undefined;
  if (isKept(value)) return undefined;
  if (isReference(value)) {
    if ('env' in value) return variableProblem(value.env);
    return value.file.startsWith('/') ? undefined : 'must name a file by its absolute path';
  }
  const [name, ...others] = Object.keys(value ?? {});
  if (others.length === 0 && (name === 'env' || name === 'file'))
    return { pointer: step(name), detail: 'must be a text' };
  return 'must be a text, {"env": "MONSCALE_PARAM_NAME"}, {"file": "/path"} or {"secret": true}';
}

function isOnly(value: unknown, key: string, type: string): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const entries = Object.entries(value);
  return entries.length === 1 && entries[0]![0] === key && typeof entries[0]![1] === type;
}
