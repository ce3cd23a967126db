import { readFileSync } from 'node:fs';

/** Where it can't be found out. */
const USUAL = 1_024;

/** How many files and connections this process may have open at once. */
export function descriptorsAtMost(): number {
  try {
    return softLimitIn(readFileSync('/proc/self/limits', 'utf8'));
  } catch {
    return USUAL;
  }
}

/** `Max open files            1024                 1048576              files` */
export function softLimitIn(limits: string): number {
  const [, soft] = /^Max open files\s+(\d+|unlimited)\s/m.exec(limits) ?? [];
  if (soft === 'unlimited') return Infinity;
  return soft === undefined ? USUAL : Number(soft);
}
