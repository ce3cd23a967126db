import { readFileSync } from 'node:fs';

/** Limit assumed where it can't be read. */
const USUAL = 1_024;

/** Returns how many files and connections this process may have open. */
export function descriptorsAtMost(): number {
  try {
    return softLimitIn(readFileSync('/proc/self/limits', 'utf8'));
  } catch {
    return USUAL;
  }
}

/** Returns the soft limit in a line like `Max open files 1024 1048576 files`. */
export function softLimitIn(limits: string): number {
  const [, soft] = /^Max open files\s+(\d+|unlimited)\s/m.exec(limits) ?? [];
  if (soft === 'unlimited') return Infinity;
  return soft === undefined ? USUAL : Number(soft);
}
