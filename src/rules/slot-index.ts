import type { ServiceSnapshot } from './compiled-service';

/** Index of services in memory by interval and slot: finding what is due costs one lookup per slot. */
export class SlotIndex {
  private readonly byId = new Map<string, ServiceSnapshot>();
  /** Services by interval and slot; few share a slot. */
  private readonly bySlot = new Map<number, Map<number, ServiceSnapshot[]>>();

  get size(): number {
    return this.byId.size;
  }

  ids(): IterableIterator<string> {
    return this.byId.keys();
  }

  get(id: string): ServiceSnapshot | undefined {
    return this.byId.get(id);
  }

  /** Adds a service, or replaces it. */
  put(snapshot: ServiceSnapshot): void {
    const { id, slot, intervalSeconds } = snapshot.compiled.service;
    this.remove(id);
    this.byId.set(id, snapshot);
    const slots = this.bySlot.get(intervalSeconds) ?? new Map<number, ServiceSnapshot[]>();
    this.bySlot.set(intervalSeconds, slots);
    const there = slots.get(slot);
    if (there === undefined) slots.set(slot, [snapshot]);
    else there.push(snapshot);
  }

  remove(id: string): void {
    const snapshot = this.byId.get(id);
    if (snapshot === undefined) return;
    this.byId.delete(id);
    const { slot, intervalSeconds } = snapshot.compiled.service;
    const slots = this.bySlot.get(intervalSeconds)!;
    const left = slots.get(slot)!.filter((one) => one !== snapshot);
    if (left.length > 0) slots.set(slot, left);
    else slots.delete(slot);
    if (slots.size === 0) this.bySlot.delete(intervalSeconds);
  }

  /** Returns the services of an interval whose slots lie in the range, both ends included. */
  within(intervalSeconds: number, fromSlot: number, toSlot: number): ServiceSnapshot[] {
    const slots = this.bySlot.get(intervalSeconds);
    if (slots === undefined) return [];
    const found: ServiceSnapshot[] = [];
    for (let slot = fromSlot; slot <= toSlot; slot++) {
      const there = slots.get(slot);
      if (there !== undefined) found.push(...there);
    }
    return found;
  }
}
