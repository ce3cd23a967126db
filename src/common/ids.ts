import { createHash } from 'node:crypto';
import { v7 as uuidv7, validate } from 'uuid';

/** A new id: UUID v7 (RFC 9562), so that ids sort by the time they were made. */
export const newId = (): string => uuidv7();

export const isId = (text: string): boolean => validate(text);

/** How many slots a polling interval is divided into. */
export const SLOTS = 16_384;

/** The slot of a service: a stable hash of its id, evenly spread over `0 … SLOTS - 1`. */
export function slotOf(id: string): number {
  return createHash('sha256').update(id).digest().readUInt16BE(0) % SLOTS;
}
