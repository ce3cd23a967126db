import { keepNewest } from '../common/newest';

/** State that is kept of an engine that sends traps, RFC 3414, 2.3. */
export interface KnownEngine {
  engineId: string;
  boots: number;
  /** Highest time the engine has said, in seconds since that boot. */
  time: number;
  /** Moment at which the engine said so. */
  heardAt: Date;
  /** Id of the source that let its message in, and the address it came from. */
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
 * Tells new traps from recorded ones that are sent again, by boots and time of the engine that sent them (RFC 3414,
 * 3.2.7 b). Beyond the RFC, the very same message within its window is a replay too.
 *
 * - Boots and time of an engine only grow, until the engine is forgotten.
 * - At most `MAX_ENGINES` engines and `MAX_SEEN` signatures are kept; the oldest are dropped first.
 * - Engines that said something newer are noted as changed until `takeChanged` hands them over to be stored.
 */
export class Engines {
  private readonly engines = new Map<string, KnownEngine>();
  private changed = new Set<string>();
  /** Signatures -> the moment from which they may be forgotten, ms since 1970; in the order they came. */
  private readonly seen = new Map<string, number>();

  /** Takes over what other processes, or an earlier one, have heard, where it is newer. */
  learn(known: readonly KnownEngine[]): void {
    for (const engine of known) {
      const own = this.engines.get(engine.engineId);
      if (own === undefined || isLater(engine, own)) this.remember(engine);
    }
  }

  /** Tells whether a message is new, and remembers it if so. Only for messages whose authentication was checked. */
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

  /** Returns the engines that said something newer since the last call. */
  takeChanged(): KnownEngine[] {
    const changed = [...this.changed].flatMap((id) => this.engines.get(id) ?? []);
    this.changed = new Set();
    return changed;
  }

  /** Notes engines as changed again, because they could not be stored. */
  giveBack(engines: readonly KnownEngine[]): void {
    for (const { engineId } of engines) this.changed.add(engineId);
  }

  /** Forgets an engine, after somebody found that the device lost its memory: what it says next is believed. */
  forget(engineId: string): void {
    this.engines.delete(engineId);
    this.changed.delete(engineId);
  }

  isKnown(engineId: string): boolean {
    return this.engines.has(engineId);
  }

  private remember(engine: KnownEngine): void {
    keepNewest(this.engines, engine.engineId, engine, MAX_ENGINES);
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
