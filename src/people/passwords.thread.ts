import { scryptSync } from 'node:crypto';
import { giveWay } from '../common/thread-priority';
import type { Derivation } from './passwords';

/** Added to the niceness of this thread: passwords must not take the processors from what the program is for. */
const NICER_BY = 10;
/** Most memory of one hash, bytes: twice what the largest parameters that are accepted take. */
const BYTES_AT_MOST = 2 ** 28;

giveWay(NICER_BY);

export default ({ text, salt, log2N, r, p, bytes }: Derivation): Uint8Array =>
  scryptSync(text, salt, bytes, { N: 2 ** log2N, r, p, maxmem: BYTES_AT_MOST });
