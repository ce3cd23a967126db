import { DAY_MS, localOf, momentOfLocal, offsetAt, offsetOfDay } from './local-time';
import { Occurrences, parseRecurrence } from './recurrence';

/** Times at which a silence mutes: once from its beginning to its end, or in windows that repeat in between. Pure. */
export interface Schedule {
  /** Recurrence rule of RFC 5545; see `recurrence.ts`. */
  readonly rrule: string;
  /** Zone of its times, such as `Europe/Madrid`. */
  readonly timeZone: string;
  readonly durationSeconds: number;
}

/** Half-open range of time, ms since 1970. */
export interface Window {
  readonly from: number;
  readonly until: number;
}

export interface Windows {
  /** Returns the window that began last at a moment or before; undefined before the first. */
  last(now: number): Window | undefined;
  /** Returns windows that are not over at a moment, in their order. */
  next(now: number, atMost: number): Window[];
  /**
   * Returns the windows there would have been in a range of time, had the silence or its rule always been there, rising
   * and apart.
   */
  always(from: number, until: number): Window[];
  /** Returns local times of a year from a moment on that do not exist, so that a window is left out. */
  leftOut(now: number): string[];
}

/** Days of which `leftOut` tells. */
const TOLD_DAYS = 366;
const TOLD_AT_MOST = 10;

/**
 * Returns the windows of a silence.
 *
 * @throws RecurrenceError, RangeError for an unknown time zone
 */
export function windowsOf({ from, until }: Window, schedule: Schedule | undefined): Windows {
  return schedule === undefined ? new Once(from, until) : new Repeated(from, until, schedule);
}

class Once implements Windows {
  constructor(
    private readonly from: number,
    private readonly until: number,
  ) {}

  last(now: number): Window | undefined {
    return this.from <= now ? { from: this.from, until: this.until } : undefined;
  }

  next(now: number): Window[] {
    return now < this.until ? [{ from: this.from, until: this.until }] : [];
  }

  always(from: number, until: number): Window[] {
    return [{ from, until }];
  }

  leftOut(): string[] {
    return [];
  }
}

/**
 * Windows of a rule. They are worked out day by day when they are asked for, whatever the length of the rule; what was
 * asked last is kept, since most questions are about the same window.
 */
class Repeated implements Windows {
  private readonly occurrences: Occurrences;
  /** Moment of the last occurrence there may be. */
  private readonly lastStart: number;
  private readonly durationMs: number;
  private kept?: { window: Window | undefined; validFrom: number; validUntil: number };

  constructor(
    private readonly from: number,
    private readonly until: number,
    private readonly schedule: Schedule,
  ) {
    const rule = parseRecurrence(schedule.rrule);
    const { timeZone } = schedule;
    this.durationMs = schedule.durationSeconds * 1000;
    this.occurrences = new Occurrences(rule, localOf(from, timeZone));
    // No window begins at the end.
    let last = until - 1;
    if (rule.until !== undefined) {
      const { at, isLocal } = rule.until;
      last = Math.min(last, isLocal ? (momentOfLocal(at, timeZone) ?? at - offsetAt(at, timeZone)) : at);
    }
    this.lastStart = last;
    if (rule.count !== undefined) this.lastStart = this.startOf(rule.count) ?? last;
  }

  last(now: number): Window | undefined {
    const { kept } = this;
    if (kept !== undefined && kept.validFrom <= now && now < kept.validUntil) return kept.window;
    const start = this.lastAtOrBefore(now);
    const window = start === undefined ? undefined : this.window(start);
    const [following] = this.starts(now + 1, 1);
    this.kept = { window, validFrom: start ?? -Infinity, validUntil: following ?? Infinity };
    return window;
  }

  next(now: number, atMost: number): Window[] {
    const running = this.last(now);
    const isRunning = running !== undefined && now < running.until;
    const following = this.starts(Math.max(now + 1, this.from), atMost - (isRunning ? 1 : 0));
    return [...(isRunning ? [running] : []), ...following.map((start) => this.window(start))];
  }

  always(from: number, until: number): Window[] {
    const windows: { from: number; until: number }[] = [];
    const { durationMs } = this;
    for (let day = this.dayOf(from - durationMs); day <= this.dayOf(until); day++) {
      for (const local of this.occurrences.always(day)) {
        const start = momentOfLocal(local, this.schedule.timeZone);
        if (start === undefined || start >= until || start + durationMs <= from) continue;
        const [begin, end] = [Math.max(start, from), Math.min(start + durationMs, until)];
        const last = windows.at(-1);
        if (last === undefined || begin > last.until) windows.push({ from: begin, until: end });
        else last.until = Math.max(last.until, end);
      }
    }
    return windows;
  }

  leftOut(now: number): string[] {
    const { timeZone } = this.schedule;
    const told: string[] = [];
    const begin = Math.max(now, this.from);
    const end = Math.min(this.lastStart, begin + TOLD_DAYS * DAY_MS);
    const lastDay = this.dayOf(end);
    for (let day = this.dayOf(begin); day <= lastDay && told.length < TOLD_AT_MOST; day++) {
      // Nothing is left out of a day on which no clock is set.
      if (offsetOfDay(day - 1, timeZone) === offsetOfDay(day + 2, timeZone)) continue;
      for (const local of this.occurrences.on(day)) {
        if (momentOfLocal(local, timeZone) === undefined && told.length < TOLD_AT_MOST)
          told.push(new Date(local).toISOString().slice(0, 16).replace('T', ' '));
      }
    }
    return told;
  }

  private window(start: number): Window {
    return { from: start, until: Math.min(start + this.durationMs, this.until) };
  }

  private lastAtOrBefore(now: number): number | undefined {
    const latest = Math.min(now, this.lastStart);
    const firstDay = this.dayOf(this.from);
    for (let day = this.dayOf(latest); day >= firstDay; day--) {
      const locals = this.occurrences.on(day);
      for (let index = locals.length - 1; index >= 0; index--) {
        const start = momentOfLocal(locals[index]!, this.schedule.timeZone);
        if (start !== undefined && start <= latest && start >= this.from) return start;
      }
    }
    return undefined;
  }

  /** Returns moments of occurrences at a moment or after, rising. */
  private starts(from: number, atMost: number): number[] {
    const starts: number[] = [];
    const earliest = Math.max(from, this.from);
    const lastDay = this.dayOf(this.lastStart);
    for (let day = this.dayOf(earliest); day <= lastDay && starts.length < atMost; day++) {
      for (const local of this.occurrences.on(day)) {
        const start = momentOfLocal(local, this.schedule.timeZone);
        if (start !== undefined && start >= earliest && start <= this.lastStart) starts.push(start);
        if (starts.length >= atMost) break;
      }
    }
    return starts;
  }

  private startOf(count: number): number | undefined {
    return this.starts(this.from, count)[count - 1];
  }

  private dayOf(at: number): number {
    return Math.floor(localOf(at, this.schedule.timeZone) / DAY_MS);
  }
}
