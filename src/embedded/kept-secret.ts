/** Secrets that are made once and stay. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

/** Returns the secret in the file (mode 0600), and makes it if there is none. */
export function keptSecret(file: string, make: () => string): { value: string; isNew: boolean } {
  const isNew = !existsSync(file);
  if (isNew) {
    // A crash must leave the whole secret or none: what was encrypted with half of it would be lost.
    writeFileSync(`${file}.new`, `${make()}\n`, { mode: 0o600, flush: true });
    renameSync(`${file}.new`, file);
  }
  return { value: readFileSync(file, 'utf8').trim(), isNew };
}
