import type { InfrastructureRow } from '../database/entities';
import { standingOf, type Ask, type Count } from '../engine/asked';
import type { Capacity, Scalings } from '../engine/types';

/** Counts of nodes by infrastructure, or why there is none. */
export type Counts = ReadonlyMap<string, Count | { error: string }>;

/** What is kept of infrastructures, by id: when they were scaled, and what was asked for. */
export interface InfrastructureMemory {
  readonly scalings: ReadonlyMap<string, Scalings>;
  /** Earlier asks that no count has shown in full. */
  readonly asks: ReadonlyMap<string, readonly Ask[]>;
}

/** Changes of what is kept of infrastructures. */
export interface InfrastructureChanges {
  readonly scalings: readonly (Scalings & { id: string })[];
  /** Earlier asks, as they are now. */
  readonly asks: readonly Ask[];
}

/** Infrastructures while a batch is decided: what one service takes is taken for the services after it. */
export class BatchCapacity {
  private readonly scaled = new Map<string, Scalings>();
  private readonly asks: Map<string, readonly Ask[]>;

  constructor(
    private readonly counts: Counts,
    private readonly memory: InfrastructureMemory,
  ) {
    this.asks = new Map(memory.asks);
  }

  scalings(id: string): Scalings | undefined {
    return this.scaled.get(id) ?? this.memory.scalings.get(id);
  }

  /**
   * Returns the nodes by the count, and those still to come; remembers what the count shows of the asks. Undefined
   * where nodes were not counted.
   */
  of(infrastructure: InfrastructureRow | undefined, now: Date): Capacity | undefined {
    const count = infrastructure && this.counts.get(infrastructure.id);
    if (count === undefined) return undefined;
    if ('error' in count) return { known: false, error: count.error };
    const { id, warmupSeconds } = infrastructure!;
    const { capacity, asks } = standingOf(
      this.asks.get(id) ?? [],
      count,
      warmupSeconds * 1000,
      now.getTime(),
    );
    this.asks.set(id, asks);
    return capacity;
  }

  remember(id: string, scalings: Scalings): void {
    this.scaled.set(id, scalings);
  }

  ask(id: string, ask: Ask): void {
    this.asks.set(id, [...(this.asks.get(id) ?? []), ask]);
  }

  changes(): InfrastructureChanges {
    const scalings = [...this.scaled].map(([id, one]) => ({ id, ...one }));
    return { scalings, asks: this.changedAsks() };
  }

  private changedAsks(): Ask[] {
    if (this.memory.asks.size === 0) return [];
    const after = new Map([...this.asks.values()].flat().map((ask) => [ask.trigger, ask]));
    return [...this.memory.asks.values()].flat().flatMap((ask) => {
      // An ask that is gone has been shown in full, or is void.
      const now = after.get(ask.trigger) ?? { ...ask, left: 0 };
      return now.left === ask.left && now.desired === ask.desired ? [] : [now];
    });
  }
}

export const NOTHING_KEPT: InfrastructureMemory = { scalings: new Map(), asks: new Map() };
