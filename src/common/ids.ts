import { createHash, randomFillSync, randomInt } from 'node:crypto';
import { v7 as uuidv7, validate } from 'uuid';
import { programClock } from './clock';

/** Largest step back of the time during which ids of one process stay in their order, milliseconds. */
const HELD_MS = 1_000;
/**
 * Exclusive upper bound of the random start of a UUID v7's 32-bit counter: at least as many ids can be made in a
 * millisecond.
 */
const FIRST_AT_MOST = 2 ** 31;

/** Random bytes of an id. */
const ID_BYTES = 16;
/** Random bytes for the next ids, got for many at once; those before `used` are in ids already. */
const random = new Uint8Array(256 * ID_BYTES);
let used = random.length;

const last = { msecs: -Infinity, seq: 0, rng: freshBytes };

/**
 * Returns a new id: UUID v7 (RFC 9562) with the program's time, so that ids of all processes sort by the time they were
 * made.
 */
export function newId(): string {
  const msecs = programClock.now().getTime();
  if (msecs > last.msecs || msecs < last.msecs - HELD_MS) {
    last.msecs = msecs;
    last.seq = randomInt(FIRST_AT_MOST);
  } else last.seq++;
  return uuidv7(last);
}

function freshBytes(): Uint8Array {
  if (used === random.length) {
    randomFillSync(random);
    used = 0;
  }
  return random.subarray(used, (used += ID_BYTES));
}

/** Returns the moment at which an id was made. */
export const timeOf = (id: string): Date => new Date(parseInt(id.replaceAll('-', '').slice(0, 12), 16));

/** Returns the least id of a moment: ids that are made from then on are not less. */
export function leastIdAt(moment: Date): string {
  const msecs = Math.max(0, moment.getTime()).toString(16).padStart(12, '0').slice(-12);
  return `${msecs.slice(0, 8)}-${msecs.slice(8)}-7000-8000-000000000000`;
}

export const isId = (text: string): boolean => validate(text);

/** Number of slots that a polling interval is divided into. */
export const SLOTS = 16_384;

/** Returns the slot of a key, such as a service's id: a stable hash, evenly spread over `0 … SLOTS - 1`. */
export function slotOf(key: string): number {
  return createHash('sha256').update(key).digest().readUInt16BE(0) % SLOTS;
}
