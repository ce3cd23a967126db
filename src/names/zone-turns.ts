import { Limiter } from '../common/limiter';

/** Most questions of one zone that are under way at a time, whether it answers or not; and below, most that wait. */
const AT_ONCE = 8;
const WAITING_AT_MOST = 1_000;

/**
 * Turns for questions to the DNS, apart for each zone: a zone whose servers are dead holds up no other. A name's zone
 * is taken to be what follows its first dot. Each zone runs at most `AT_ONCE` questions; the rest wait in their order.
 */
export class ZoneTurns {
  private readonly zones = new Map<string, Limiter>();

  /**
   * Runs a question in its zone's turn.
   *
   * @param isWanted asked when its turn has come: a question that nobody waits for any more is not put
   * @throws TooManyWaiting; what the work throws
   */
  async take<T>(name: string, isWanted: () => boolean, work: () => Promise<T>): Promise<T | undefined> {
    const key = name.slice(name.indexOf('.') + 1);
    const zone = this.zones.get(key) ?? new Limiter(AT_ONCE, WAITING_AT_MOST, () => new TooManyWaiting());
    this.zones.set(key, zone);
    try {
      return await zone.take(async () => (isWanted() ? await work() : undefined));
    } finally {
      if (zone.isIdle && this.zones.get(key) === zone) this.zones.delete(key);
    }
  }
}

export class TooManyWaiting extends Error {
  constructor() {
    super('too many names of this zone wait for the DNS');
  }
}
