/** Most questions of one zone that are under way at a time, whether it answers or not; and below, most that wait. */
const AT_ONCE = 8;
const WAITING_AT_MOST = 1_000;

interface Zone {
  running: number;
  waiting: (() => void)[];
}

/**
 * Turns for questions to the DNS, apart for each zone: a zone whose servers are dead holds up no other. A name's zone
 * is taken to be what follows its first dot. Each zone runs at most `AT_ONCE` questions; the rest wait in their order.
 */
export class ZoneTurns {
  private readonly zones = new Map<string, Zone>();

  /**
   * Runs a question in its zone's turn.
   *
   * @param isWanted asked when its turn has come: a question that nobody waits for any more is not put
   * @throws TooManyWaiting; what the work throws
   */
  async take<T>(name: string, isWanted: () => boolean, work: () => Promise<T>): Promise<T | undefined> {
    const key = name.slice(name.indexOf('.') + 1);
    const zone = this.zones.get(key) ?? { running: 0, waiting: [] };
    this.zones.set(key, zone);
    if (zone.running < AT_ONCE) zone.running += 1;
    else await turnIn(zone);
    try {
      return isWanted() ? await work() : undefined;
    } finally {
      this.pass(key, zone);
    }
  }

  /** Passes the turn to the question that has waited longest. */
  private pass(key: string, zone: Zone): void {
    const next = zone.waiting.shift();
    if (next !== undefined) return next();
    zone.running -= 1;
    if (zone.running === 0) this.zones.delete(key);
  }
}

export class TooManyWaiting extends Error {
  constructor() {
    super('too many names of this zone wait for the DNS');
  }
}

function turnIn({ waiting }: Zone): Promise<void> {
  if (waiting.length >= WAITING_AT_MOST) throw new TooManyWaiting();
  return new Promise((resolve) => waiting.push(resolve));
}
