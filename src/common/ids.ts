import { createHash, randomInt } from 'node:crypto';
import { v7 as uuidv7, validate } from 'uuid';
import { programClock } from './clock';

/** A time that went back by less than this is waited for: ids of one process stay in their order. */
const HELD_MS = 1_000;
/** Of the 32 bits of a UUID v7's counter it begins in the lower half: as many ids are made in a millisecond at most. */
const FIRST_AT_MOST = 2 ** 31;

const last = { msecs: -Infinity, seq: 0 };

/** A new id: UUID v7 (RFC 9562), so that ids sort by the time they were made: the program's, whichever process made them. */
export function newId(): string {
  const msecs = programClock.now().getTime();
  if (msecs > last.msecs || msecs < last.msecs - HELD_MS) {
    last.msecs = msecs;
    last.seq = randomInt(FIRST_AT_MOST);
  } else last.seq++;
  return uuidv7(last);
}

export const isId = (text: string): boolean => validate(text);

/** How many slots a polling interval is divided into. */
export const SLOTS = 16_384;

/** The slot of a service: a stable hash of its id, evenly spread over `0 … SLOTS - 1`. */
export function slotOf(id: string): number {
  return createHash('sha256').update(id).digest().readUInt16BE(0) % SLOTS;
}
