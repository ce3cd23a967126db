/** The one place that reads the clock. Whatever decides is handed its `now`. */
export interface Clock {
  now(): Date;
}

export const systemClock: Clock = { now: () => new Date() };

/** Injection token of the program's clock. */
export const CLOCK = Symbol('CLOCK');

/** How far two clocks drift apart: as much as a cheap crystal does, and half as much again. */
const DRIFT = 0.0003;
/** A correction this small does not turn the time back: it stands still until it is caught up with. */
const HELD_MS = 1_000;

/** What must be added to the monotonic clock to have the server's time, in ms: it lies between these. */
interface Base {
  least: number;
  most: number;
  /** By the monotonic clock. */
  at: number;
}

/** This machine's two clocks, in ms: the one that can be set, and the one that only runs. */
export interface MachineClocks {
  system(): number;
  monotonic(): number;
}

const MACHINE: MachineClocks = { system: () => Date.now(), monotonic: () => performance.now() };

/**
 * A server's time: what it said last, and the monotonic clock since then. The machine's own clock is trusted with nothing
 * but what comes before the first answer, so that it may be set while the program runs. Each answer bounds the time from
 * both sides, as it was read between question and answer; what was known before narrows that, unless they exclude each
 * other: then the server's clock was set, or another server answers.
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

  /** Has the server been asked at all? */
  get isSynced(): boolean {
    return this.base !== undefined;
  }

  /** The server's time less that of this machine's clock; 0 while nobody has asked. */
  get offsetMs(): number {
    if (this.base === undefined) return 0;
    return this.machine.monotonic() + middleOf(this.base) - this.machine.system();
  }

  /** How far off `now` may be. */
  get errorMs(): number {
    if (this.base === undefined) return Infinity;
    const { least, most } = this.widened(this.base);
    return (most - least) / 2;
  }

  /**
   * Takes note of what the server said.
   *
   * @param askedAt and answeredAt by the monotonic clock
   * @returns by how much its time has moved against the one known here: more than drift and errors explain; else 0
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

/** PostgreSQL's time, once it was asked: the one clock of all processes of an installation. */
export const programClock = new SyncedClock();

/** How much further this machine's clock has gone than its monotonic one: a jump of it says that one of them was set, or slept. */
export const systemLead = (): number => MACHINE.system() - MACHINE.monotonic();

/** A clock that stands where it is put; for tests and simulations. */
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
