import { ZoneTurns } from './zone-turns';

export interface Address {
  address: string;
  family: 4 | 6;
}

/** Addresses of a name, and for how long they hold. */
export interface Found {
  addresses: readonly Address[];
  ttlSeconds: number;
}

/** Nobody has an address for the name. */
export class NotFound extends Error {}

/** Names are looked up by these. */
export interface NameSources {
  /** What is known on this machine, without asking anybody. */
  local(name: string): readonly Address[] | undefined;
  /** @throws NotFound; Error when nobody can be asked */
  ask(name: string): Promise<Found>;
  /** Told what came of a look-up. */
  note(outcome: Outcome): void;
}

export type Outcome = 'found' | 'not_found' | 'failed' | 'stale';

/** Whoever waits is told by then. */
const LOOK_UP_MS = 5_000;
/** RFC 8767, 5: an old answer is given when there is no new one by then, and the name not asked for again for a while. */
const STALE_AFTER_MS = 1_800;
const FAILURE_RECHECK_MS = 30_000;
/** How long an answer is used when there is no newer one to be had. */
const STALE_AT_MOST_MS = 24 * 3_600_000;
const TTL_SECONDS = { least: 1, most: 300 };
/** For how long a name counts as unknown, and as one that could not be asked for. */
const NOT_FOUND_MS = 10_000;
const FAILED_MS = 5_000;
const NAMES_AT_MOST = 10_000;

/** What is known of one name. Moments are by `performance.now()`. */
interface Entry {
  addresses?: readonly Address[];
  freshUntil: number;
  staleUntil: number;
  failure?: Error;
  askAgainAt: number;
  asking?: Promise<readonly Address[]>;
}

/**
 * Addresses of names, kept for as long as the DNS says, and longer where it gives no answer. A name is asked for once
 * at a time, however many want it, and what a zone's servers leave unanswered holds up no other zone.
 */
export class Names {
  /** Least recently asked for first. */
  private readonly entries = new Map<string, Entry>();
  private readonly zones = new ZoneTurns();

  constructor(private readonly sources: NameSources) {}

  /** @throws NotFound; Error when there is no answer in time, nor an old one */
  async addressesOf(given: string): Promise<readonly Address[]> {
    const name = given.toLowerCase();
    const local = this.sources.local(name);
    if (local !== undefined) return local;
    const now = performance.now();
    const known = this.entries.get(name);
    if (known?.addresses !== undefined && now < known.freshUntil) return known.addresses;
    const entry = known ?? this.remember(name);
    const old = now < entry.staleUntil ? entry.addresses : undefined;
    if (entry.asking === undefined && now < entry.askAgainAt) {
      if (old === undefined) throw entry.failure!;
      return this.stale(old);
    }
    entry.asking ??= this.ask(name, entry).finally(() => (entry.asking = undefined));
    if (old === undefined) return entry.asking;
    try {
      return (await within(STALE_AFTER_MS, entry.asking)) ?? this.stale(old);
    } catch (error) {
      if (error instanceof NotFound) throw error;
      return this.stale(old);
    }
  }

  private remember(name: string): Entry {
    const entry: Entry = { freshUntil: 0, staleUntil: 0, askAgainAt: 0 };
    this.entries.set(name, entry);
    const [oldest] = this.entries.keys();
    if (this.entries.size > NAMES_AT_MOST) this.entries.delete(oldest!);
    return entry;
  }

  private stale(old: readonly Address[]): readonly Address[] {
    this.sources.note('stale');
    return old;
  }

  private async ask(name: string, entry: Entry): Promise<readonly Address[]> {
    const end = performance.now() + LOOK_UP_MS;
    const answering = this.zones
      .take(
        name,
        () => performance.now() < end,
        () => this.sources.ask(name),
      )
      // Also when it comes too late for those who wait now.
      .then((found) => found && keep(entry, found));
    try {
      const found = await within(LOOK_UP_MS, answering);
      if (found === undefined) throw new Error(`the DNS gave no answer in ${LOOK_UP_MS / 1000} s`);
      this.sources.note('found');
      return found;
    } catch (error) {
      const isUnknown = error instanceof NotFound;
      this.sources.note(isUnknown ? 'not_found' : 'failed');
      if (isUnknown) entry.addresses = undefined;
      const pause = isUnknown ? NOT_FOUND_MS : entry.addresses ? FAILURE_RECHECK_MS : FAILED_MS;
      entry.askAgainAt = performance.now() + pause;
      entry.failure = error as Error;
      throw error;
    }
  }
}

function keep(entry: Entry, { addresses, ttlSeconds }: Found): readonly Address[] {
  const { least, most } = TTL_SECONDS;
  const now = performance.now();
  entry.addresses = addresses;
  entry.freshUntil = now + Math.min(Math.max(ttlSeconds, least), most) * 1000;
  entry.staleUntil = now + STALE_AT_MOST_MS;
  return addresses;
}

/** Undefined when it takes longer. @throws what it throws in time */
async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  // Nobody may wait for it any more when it fails.
  work.catch(() => undefined);
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), ms)));
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
