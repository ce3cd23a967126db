import { SLOTS } from '../common/ids';

/** Range of slots, both ends included. */
export interface SlotRange {
  fromSlot: number;
  toSlot: number;
}

/**
 * Returns the slots of an interval that come due within the seconds `(after, upTo]`. A service's slot is a share of its
 * interval, so load is even and every service is polled at steady times.
 *
 * @param after and upTo: whole seconds since the epoch; more than one interval apart counts as one interval
 */
export function dueSlots(intervalSeconds: number, after: number, upTo: number): SlotRange[] {
  const seconds = Math.min(upTo - after, intervalSeconds);
  if (seconds <= 0) return [];
  if (seconds === intervalSeconds) return [{ fromSlot: 0, toSlot: SLOTS - 1 }];
  const first = (upTo - seconds + 1) % intervalSeconds;
  const last = first + seconds - 1;
  if (last < intervalSeconds) return range(first, last, intervalSeconds);
  return [
    ...range(first, intervalSeconds - 1, intervalSeconds),
    ...range(0, last - intervalSeconds, intervalSeconds),
  ];
}

/** Returns the slots that are due in the seconds `first … last` of the interval. */
function range(first: number, last: number, intervalSeconds: number): SlotRange[] {
  const fromSlot = Math.ceil((first * SLOTS) / intervalSeconds);
  const toSlot = Math.ceil(((last + 1) * SLOTS) / intervalSeconds) - 1;
  return toSlot < fromSlot ? [] : [{ fromSlot, toSlot }];
}

/** Returns the second of its interval in which a slot is due. */
export const phaseOf = (slot: number, intervalSeconds: number): number =>
  Math.floor((slot * intervalSeconds) / SLOTS);

/** Returns when a slot is due next, after the given second since the epoch. */
export function nextDue(slot: number, intervalSeconds: number, nowSeconds: number): number {
  const phase = phaseOf(slot, intervalSeconds);
  const begun = nowSeconds - (nowSeconds % intervalSeconds) + phase;
  return begun > nowSeconds ? begun : begun + intervalSeconds;
}

/** Number of services of a part, as long as there are few parts: at least; and of very many services: at most. */
const PART = { few: 250, many: 1_000 };
/** Number of parts from which they grow rather than become more: enough for the workers to share. */
const PARTS = 16;

/**
 * Splits a range into parts that are read together. A part costs some statements and some work of the queue however
 * many services it has; but the parts of a second are what workers share. Their number is a power of two, so that two
 * schedulers who count a little differently still make the same ones.
 */
export function parts({ fromSlot, toSlot }: SlotRange, services: number): SlotRange[] {
  const width = toSlot - fromSlot + 1;
  const wanted = powerBelow(services / PART.few);
  const count = Math.min(width, wanted <= PARTS ? wanted : Math.max(PARTS, powerAbove(services / PART.many)));
  return Array.from({ length: count }, (_, index) => ({
    fromSlot: fromSlot + Math.floor((index * width) / count),
    toSlot: fromSlot + Math.floor(((index + 1) * width) / count) - 1,
  }));
}

/** Returns the lowest power of two that is no lower, and at least 1. */
const powerAbove = (number: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, number)));

/** Returns the highest power of two that is no higher, and at least 1. */
const powerBelow = (number: number): number => 2 ** Math.floor(Math.log2(Math.max(1, number)));
