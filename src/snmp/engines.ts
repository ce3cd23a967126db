/** What is remembered of an engine that sends traps, RFC 3414, 2.3. */
export interface KnownEngine {
  engineId: string;
  boots: number;
  /** The newest it said, in seconds since that boot. */
  time: number;
  /** When it said so. */
  heardAt: Date;
  /** Id of the source that took it, and from where it came. */
  source?: string;
  address?: string;
}

export interface EngineClaim {
  engineId: string;
  boots: number;
  time: number;
  authentication: Buffer;
}

const WINDOW_SECONDS = 150;
const MAX_BOOTS = 2 ** 31 - 1;
const MAX_ENGINES = 100_000;
const MAX_SEEN = 200_000;

/**
 * Tells traps that are new from those that were recorded and are sent again, by the boots and the time of the engine that
 * sent them (RFC 3414, 3.2.7 b). Beyond the RFC, the very same message within its window is a replay too.
 */
export class Engines {
  private readonly engines = new Map<string, KnownEngine>();
  private changed = new Set<string>();
  /** Signatures -> when they may be forgotten, ms; in the order they came. */
  private readonly seen = new Map<string, number>();

  /** What other processes, or an earlier one, have heard. */
  learn(known: readonly KnownEngine[]): void {
    for (const engine of known) {
      const own = this.engines.get(engine.engineId);
      if (own === undefined || isLater(engine, own)) this.remember(engine);
    }
  }

  /** To be asked of authenticated traps alone. True: it is new, and remembered. */
  isTimely(
    { engineId, boots, time, authentication }: EngineClaim,
    now: Date,
    { source, address }: Pick<KnownEngine, 'source' | 'address'> = {},
  ): boolean {
    if (boots < 0 || boots >= MAX_BOOTS) return false;
    const known = this.engines.get(engineId);
    if (known !== undefined) {
      if (boots < known.boots) return false;
      const elapsed = (now.getTime() - known.heardAt.getTime()) / 1000;
      if (boots === known.boots && time < known.time + Math.max(elapsed, 0) - WINDOW_SECONDS) return false;
    }
    if (this.wasSeen(`${engineId} ${authentication.toString('latin1')}`, now.getTime())) return false;
    const claim = { engineId, boots, time, heardAt: now, source, address };
    if (known === undefined || isLater(claim, known)) {
      this.remember(claim);
      this.changed.add(engineId);
    }
    return true;
  }

  /** Those that said something newer since this was asked last. */
  takeChanged(): KnownEngine[] {
    const changed = [...this.changed].flatMap((id) => this.engines.get(id) ?? []);
    this.changed = new Set();
    return changed;
  }

  /** What was taken could not be kept: it is taken again. */
  giveBack(engines: readonly KnownEngine[]): void {
    for (const { engineId } of engines) this.changed.add(engineId);
  }

  /** Somebody who looked at the device says that it lost its memory: what it says next is believed. */
  forget(engineId: string): void {
    this.engines.delete(engineId);
    this.changed.delete(engineId);
  }

  isKnown(engineId: string): boolean {
    return this.engines.has(engineId);
  }

  private remember(engine: KnownEngine): void {
    this.engines.delete(engine.engineId);
    this.engines.set(engine.engineId, engine);
    if (this.engines.size > MAX_ENGINES) this.engines.delete(this.engines.keys().next().value!);
  }

  private wasSeen(signature: string, now: number): boolean {
    for (const [old, until] of this.seen) {
      if (until > now && this.seen.size < MAX_SEEN) break;
      this.seen.delete(old);
    }
    if (this.seen.has(signature)) return true;
    this.seen.set(signature, now + 2 * WINDOW_SECONDS * 1000);
    return false;
  }
}

const isLater = (one: KnownEngine, other: KnownEngine): boolean =>
  one.boots > other.boots || (one.boots === other.boots && one.time > other.time);
