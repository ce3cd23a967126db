import { scryptSync } from 'node:crypto';
import { setPriority } from 'node:os';
import type { Derivation } from './passwords';

/** Niceness of this thread: a flood of wrong passwords must not take the processors from what the program is for. */
const NICENESS = 10;
/** Most memory of one hash, bytes: twice what the largest parameters that are accepted take. */
const BYTES_AT_MOST = 2 ** 28;

// On Linux a thread has a niceness of its own; elsewhere this would slow the whole program.
if (process.platform === 'linux') setPriority(NICENESS);

export default ({ text, salt, log2N, r, p, bytes }: Derivation): Uint8Array =>
  scryptSync(text, salt, bytes, { N: 2 ** log2N, r, p, maxmem: BYTES_AT_MOST });
