/**
 * How a secret may be written in a definition: its text, `{"env": "MONSCALE_PARAM_NAME"}`, `{"file": "/path"}`, or
 * `{"secret": true}`, which keeps what is stored. At rest a text is `{"sealed": "…"}`.
 */
export type SecretReference = { env: string } | { file: string };
export type SealedSecret = { sealed: string };
export const KEPT_SECRET = Object.freeze({ secret: true as const });

export const isReference = (value: unknown): value is SecretReference =>
  isOnly(value, 'env', 'string') || isOnly(value, 'file', 'string');
export const isSealed = (value: unknown): value is SealedSecret => isOnly(value, 'sealed', 'string');
export const isKept = (value: unknown): boolean =>
  isOnly(value, 'secret', 'boolean') && (value as { secret: boolean }).secret;

/** Variables that definitions may name begin so: whoever names one can have it sent to a host of his own. */
const PARAM_VARIABLE = /^MONSCALE_PARAM_[A-Za-z0-9_]+$/;

/** Why a variable can't be named by a definition, as the end of a sentence. */
export const variableProblem = (name: string): string | undefined =>
  PARAM_VARIABLE.test(name)
    ? undefined
    : 'must name a variable MONSCALE_PARAM_…: no other is open to definitions';

/** What is wrong with a secret given as an object; texts are judged by the field they stand in. */
export function secretProblem(value: unknown): string | undefined {
  if (typeof value !== 'object') return undefined;
  if (isKept(value)) return undefined;
  if (isReference(value)) {
    if ('env' in value) return variableProblem(value.env);
    return value.file.startsWith('/') ? undefined : 'must name a file by its absolute path';
  }
  return 'must be a text, {"env": "MONSCALE_PARAM_NAME"}, {"file": "/path"} or {"secret": true}';
}

function isOnly(value: unknown, key: string, type: string): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const entries = Object.entries(value);
  return entries.length === 1 && entries[0]![0] === key && typeof entries[0]![1] === type;
}
