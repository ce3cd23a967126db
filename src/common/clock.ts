/** Source of the current time. Code that decides does not call it, but takes its `now` as an argument. */
export interface Clock {
  now(): Date;
}

export const systemClock: Clock = { now: () => new Date() };

/** Injection token of the program's clock. */
export const CLOCK = Symbol('CLOCK');

/** Largest drift between two clocks, as a share of elapsed time: that of a cheap crystal, and half as much again. */
const DRIFT = 0.0003;
/**
 * Largest step back that `now` hides by standing still until time has caught up, milliseconds. A larger one is passed
 * on.
 */
const HELD_MS = 1_000;

/** Bounds of what must be added to the monotonic clock to get the server's time, milliseconds. */
interface Base {
  least: number;
  most: number;
  /** Moment at which the bounds were computed, by the monotonic clock. */
  at: number;
}

/**
 * The two clocks of this machine, milliseconds: the wall clock, which can be set, and the monotonic one, which only
 * runs.
 */
export interface MachineClocks {
  system(): number;
  monotonic(): number;
}

const MACHINE: MachineClocks = { system: () => Date.now(), monotonic: () => performance.now() };

/**
 * Time of a server: its last answer plus the monotonic time since then.
 *
 * Before the first answer it returns this machine's wall clock; after it, the wall clock is never used, so it may be
 * set while the program runs. Each answer bounds the time from both sides, as the server read it between question and
 * answer. Bounds that overlap are intersected. Bounds that do not overlap mean that the server's clock was set or that
 * another server answers: the new ones replace the old. `now` never goes back by `HELD_MS` or less.
 */
export class SyncedClock implements Clock {
  private base?: Base;
  private latest = -Infinity;

  constructor(private readonly machine: MachineClocks = MACHINE) {}

  now(): Date {
    if (this.base === undefined) return new Date(this.machine.system());
    const now = this.machine.monotonic() + middleOf(this.base);
    if (now >= this.latest || now < this.latest - HELD_MS) this.latest = now;
    return new Date(this.latest);
  }

  /** True once the server has answered. */
  get isSynced(): boolean {
    return this.base !== undefined;
  }

  /** Server time minus this machine's wall clock, milliseconds; 0 before the first answer. */
  get offsetMs(): number {
    if (this.base === undefined) return 0;
    return this.machine.monotonic() + middleOf(this.base) - this.machine.system();
  }

  /** Largest possible error of `now`, milliseconds; Infinity before the first answer. */
  get errorMs(): number {
    if (this.base === undefined) return Infinity;
    const { least, most } = this.widened(this.base);
    return (most - least) / 2;
  }

  /**
   * Takes in an answer of the server.
   *
   * @param serverMs time that the server returned, ms since 1970
   * @param askedAt moment of the question, by the monotonic clock
   * @param answeredAt moment of the answer, by the monotonic clock
   * @returns how far the server's time has jumped, milliseconds; 0 while drift and errors explain the difference
   */
  sync(serverMs: number, askedAt: number, answeredAt: number): number {
    const said = { least: serverMs - answeredAt, most: serverMs - askedAt, at: answeredAt };
    const known = this.base && this.widened(this.base);
    if (known === undefined || known.least > said.most || known.most < said.least) {
      this.base = said;
      return known === undefined ? 0 : middleOf(said) - middleOf(known);
    }
    this.base = {
      least: Math.max(known.least, said.least),
      most: Math.min(known.most, said.most),
      at: answeredAt,
    };
    return 0;
  }

  private widened({ least, most, at }: Base): Base {
    const monotonic = this.machine.monotonic();
    const drift = Math.max(0, monotonic - at) * DRIFT;
    return { least: least - drift, most: most + drift, at: monotonic };
  }
}

const middleOf = ({ least, most }: Base): number => (least + most) / 2;

/** PostgreSQL's time once it has been asked: the one clock of all processes of an installation. */
export const programClock = new SyncedClock();

/**
 * Returns this machine's wall clock minus its monotonic clock, milliseconds. A jump means that the wall clock was set
 * or that the machine slept.
 */
export const systemLead = (): number => MACHINE.system() - MACHINE.monotonic();

/** Clock that shows the time it was set to; for tests and simulations. */
export class ManualClock implements Clock {
  constructor(private moment: Date) {}

  now(): Date {
    return new Date(this.moment);
  }

  set(moment: Date): void {
    this.moment = moment;
  }

  advance(seconds: number): void {
    this.moment = new Date(this.moment.getTime() + seconds * 1000);
  }
}
