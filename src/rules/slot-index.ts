import type { Watched } from './rule-book';

/** Services in memory, found by their slots: what of an interval is due costs as many looks as it has slots. */
export class SlotIndex {
  private readonly byId = new Map<string, Watched>();
  /** By interval and by slot. Few share a slot. */
  private readonly bySlot = new Map<number, Map<number, Watched[]>>();

  get size(): number {
    return this.byId.size;
  }

  ids(): IterableIterator<string> {
    return this.byId.keys();
  }

  get(id: string): Watched | undefined {
    return this.byId.get(id);
  }

  /** In place of what was known of the same service. */
  put(watched: Watched): void {
    const { id, slot, intervalSeconds } = watched.prepared.service;
    this.remove(id);
    this.byId.set(id, watched);
    const slots = this.bySlot.get(intervalSeconds) ?? new Map<number, Watched[]>();
    this.bySlot.set(intervalSeconds, slots);
    const there = slots.get(slot);
    if (there === undefined) slots.set(slot, [watched]);
    else there.push(watched);
  }

  remove(id: string): void {
    const watched = this.byId.get(id);
    if (watched === undefined) return;
    this.byId.delete(id);
    const { slot, intervalSeconds } = watched.prepared.service;
    const slots = this.bySlot.get(intervalSeconds)!;
    const left = slots.get(slot)!.filter((one) => one !== watched);
    if (left.length > 0) slots.set(slot, left);
    else slots.delete(slot);
    if (slots.size === 0) this.bySlot.delete(intervalSeconds);
  }

  /** Those of an interval whose slots lie in the range, both ends included. */
  within(intervalSeconds: number, fromSlot: number, toSlot: number): Watched[] {
    const slots = this.bySlot.get(intervalSeconds);
    if (slots === undefined) return [];
    const found: Watched[] = [];
    for (let slot = fromSlot; slot <= toSlot; slot++) {
      const there = slots.get(slot);
      if (there !== undefined) found.push(...there);
    }
    return found;
  }
}
