/**
 * How a secret may be written in a definition: its text, `{"env": "NAME"}`, `{"file": "/path"}`, or
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

/** What is wrong with a secret given as an object; texts are judged by the field they stand in. */
export function secretProblem(value: unknown): string | undefined {
  if (typeof value !== 'object') return undefined;
  if (isKept(value)) return undefined;
  if (isReference(value)) {
    if ('file' in value && !value.file.startsWith('/')) return 'must name a file by its absolute path';
    if ('env' in value && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(value.env))
      return 'must name an environment variable';
    return undefined;
  }
  return 'must be a text, {"env": "NAME"}, {"file": "/path"} or {"secret": true}';
}

function isOnly(value: unknown, key: string, type: string): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const entries = Object.entries(value);
  return entries.length === 1 && entries[0]![0] === key && typeof entries[0]![1] === type;
}
