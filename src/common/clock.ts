/** The one place that reads the clock. Whatever decides is handed its `now`. */
export interface Clock {
  now(): Date;
}

export const systemClock: Clock = { now: () => new Date() };

/** Injection token of the program's clock. */
export const CLOCK = Symbol('CLOCK');

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
