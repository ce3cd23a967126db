import { DAY_MS } from './local-time';

/**
 * Recurrence rule of RFC 5545, the part of it that names days and times of day: FREQ from DAILY to YEARLY with
 * INTERVAL, COUNT, UNTIL, WKST, BYDAY, BYMONTHDAY, BYMONTH, BYHOUR, BYMINUTE, BYSECOND and BYSETPOS. All times here are
 * local ones, as if they were UTC: whether they exist is for `schedule.ts`. Pure.
 */
export interface Recurrence {
  readonly freq: 'DAILY' | 'WEEKLY' | 'MONTHLY' | 'YEARLY';
  readonly interval: number;
  readonly count?: number;
  /** Last moment at which an occurrence may begin. */
  readonly until?: { readonly at: number; readonly isLocal: boolean };
  /** First day of a week, 0 for Sunday. */
  readonly weekStart: number;
  readonly byDay: readonly WeekDay[];
  readonly byMonthDay: readonly number[];
  readonly byMonth: readonly number[];
  readonly byHour: readonly number[];
  readonly byMinute: readonly number[];
  readonly bySecond: readonly number[];
  /** Which of the occurrences of a day, week, month or year count, from its end where below 0; empty for all. */
  readonly bySetPos: readonly number[];
}

/** Day of the week, 0 for Sunday; with `nth`, that one in its month or year, from the end where it is below 0. */
interface WeekDay {
  readonly day: number;
  readonly nth?: number;
}

const DAYS = ['SU', 'MO', 'TU', 'WE', 'TH', 'FR', 'SA'];
const FREQUENCIES = ['DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY'] as const;
const PARTS = ['FREQ', 'INTERVAL', 'COUNT', 'UNTIL', 'WKST', 'BYDAY', 'BYMONTHDAY', 'BYMONTH', 'BYHOUR', 'BYMINUTE', 'BYSECOND', 'BYSETPOS']; // prettier-ignore

/** Largest COUNT: occurrences up to the last are counted one by one. */
export const COUNT_AT_MOST = 1_000;

/** Largest number of times on one day. */
const TIMES_AT_MOST = 48;

/** A text is no rule that is understood; the message says what would be right. */
export class RecurrenceError extends Error {}

/**
 * Parses a rule such as `FREQ=WEEKLY;BYDAY=SA;BYHOUR=2;BYMINUTE=30`.
 *
 * @throws RecurrenceError
 */
export function parseRecurrence(text: string): Recurrence {
  const parts = partsOf(text.trim().replace(/^RRULE:/i, ''));
  const freq = parts.get('FREQ') as Recurrence['freq'] | undefined;
  if (freq === undefined) throw new RecurrenceError('must have FREQ, as in FREQ=WEEKLY;BYDAY=SA');
  if (!FREQUENCIES.includes(freq))
    throw new RecurrenceError(
      `has FREQ=${freq}; must be one of ${FREQUENCIES.join(', ')} (times within a day are given by BYHOUR and BYMINUTE)`,
    );
  const numbers = (name: string, least: number, most: number) =>
    numbersIn(parts.get(name), name, least, most);
  const one = (name: string, most: number): number | undefined => {
    const given = numbers(name, 1, most);
    if (given.length > 1) throw new RecurrenceError(`has more than one ${name}`);
    return given[0];
  };
  const count = one('COUNT', COUNT_AT_MOST);
  const until = parts.get('UNTIL');
  if (count !== undefined && until !== undefined)
    throw new RecurrenceError('must not have both COUNT and UNTIL');
  const byDay = weekDaysIn(parts.get('BYDAY'), freq);
  const byMonthDay = monthDaysIn(parts.get('BYMONTHDAY'));
  if (freq === 'WEEKLY' && byMonthDay.length > 0)
    throw new RecurrenceError('must not have BYMONTHDAY with FREQ=WEEKLY');
  const weekStart = DAYS.indexOf(parts.get('WKST') ?? 'MO');
  if (weekStart < 0) throw new RecurrenceError(`has a WKST that is none of ${DAYS.join(', ')}`);
  const [byHour, byMinute] = [numbers('BYHOUR', 0, 23), numbers('BYMINUTE', 0, 59)];
  const bySecond = numbers('BYSECOND', 0, 59);
  if (
    [byHour, byMinute, bySecond].reduce((times, { length }) => times * Math.max(1, length), 1) > TIMES_AT_MOST
  )
    throw new RecurrenceError(`has more than ${TIMES_AT_MOST} times a day by BYHOUR, BYMINUTE and BYSECOND`);
  const bySetPos = numbers('BYSETPOS', -366, 366);
  if (bySetPos.includes(0)) throw new RecurrenceError('has BYSETPOS=0; the first is 1, and the last -1');
  if (bySetPos.length > 0 && [...parts.keys()].every((name) => !/^BY(?!SETPOS)/.test(name)))
    throw new RecurrenceError('has BYSETPOS, which needs another part that begins with BY');
  return {
    freq,
    interval: one('INTERVAL', 1_000) ?? 1,
    count,
    until: until === undefined ? undefined : untilOf(until),
    weekStart,
    byDay,
    byMonthDay,
    byMonth: numbers('BYMONTH', 1, 12),
    byHour,
    byMinute,
    bySecond,
    bySetPos,
  };
}

function partsOf(text: string): Map<string, string> {
  const parts = new Map<string, string>();
  if (/DTSTART|TZID|[\r\n]/i.test(text))
    throw new RecurrenceError('must be a rule alone: it begins at startsAt, in timeZone');
  for (const part of text.split(';')) {
    const [, name, value] = /^([A-Za-z]+)=(\S+)$/.exec(part.trim()) ?? [];
    if (name === undefined || value === undefined)
      throw new RecurrenceError(`has ${JSON.stringify(part)}, which is no NAME=VALUE`);
    const key = name.toUpperCase();
    if (!PARTS.includes(key))
      throw new RecurrenceError(`has ${key}, which is not supported; known are ${PARTS.join(', ')}`);
    if (parts.has(key)) throw new RecurrenceError(`has ${key} twice`);
    parts.set(key, value.toUpperCase());
  }
  return parts;
}

function numbersIn(text: string | undefined, name: string, least: number, most: number): number[] {
  if (text === undefined) return [];
  const numbers = text.split(',').map((one) => (/^[+-]?\d{1,6}$/.test(one) ? Number(one) : NaN));
  if (numbers.some((one) => !(one >= least && one <= most)))
    throw new RecurrenceError(`has ${name}=${text}; must be whole numbers from ${least} to ${most}`);
  return [...new Set(numbers)].sort((a, b) => a - b);
}

function monthDaysIn(text: string | undefined): number[] {
  const days = numbersIn(text, 'BYMONTHDAY', -31, 31);
  if (days.includes(0))
    throw new RecurrenceError('has BYMONTHDAY=0; days are 1 to 31, or -31 to -1 from the end');
  return days;
}

function weekDaysIn(text: string | undefined, freq: Recurrence['freq']): WeekDay[] {
  if (text === undefined) return [];
  const list = text.split(',');
  if (list.length > 100) throw new RecurrenceError('has more than 100 days in BYDAY');
  return list.map((one) => {
    const [, nth, name] = /^([+-]?\d{1,2})?(SU|MO|TU|WE|TH|FR|SA)$/.exec(one) ?? [];
    if (name === undefined)
      throw new RecurrenceError(`has BYDAY=${one}; days are ${DAYS.join(', ')}, as 1SU or -1FR in a month`);
    const day = DAYS.indexOf(name);
    if (nth === undefined) return { day };
    if (freq !== 'MONTHLY' && freq !== 'YEARLY')
      throw new RecurrenceError(`has BYDAY=${one}; a number is for FREQ=MONTHLY and YEARLY`);
    if (Number(nth) === 0 || Math.abs(Number(nth)) > 53)
      throw new RecurrenceError(`has BYDAY=${one}; the number is 1 to 53, or below 0 from the end`);
    return { day, nth: Number(nth) };
  });
}

function untilOf(text: string): NonNullable<Recurrence['until']> {
  const [, year, month, day, time, hour, minute, second, zulu] =
    /^(\d{4})(\d{2})(\d{2})(T(\d{2})(\d{2})(\d{2})(Z)?)?$/.exec(text) ?? [];
  const midnight = Date.UTC(Number(year), Number(month) - 1, Number(day));
  const at = midnight + ((Number(hour ?? 0) * 60 + Number(minute ?? 0)) * 60 + Number(second ?? 0)) * 1000;
  const isDay = new Date(midnight).getUTCDate() === Number(day) && Number(month) <= 12;
  const isTime = time === undefined || (Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60);
  if (year === undefined || !isDay || !isTime)
    throw new RecurrenceError(
      `has UNTIL=${text}; must be like 20261231, 20261231T020000 or 20261231T010000Z`,
    );
  // A day counts to its end.
  return { at: time === undefined ? at + DAY_MS - 1 : at, isLocal: zulu === undefined };
}

/** Day of the calendar, and what rules ask of it. */
interface Day {
  /** Days since 1970. */
  readonly number: number;
  readonly year: number;
  readonly month: number;
  readonly ofMonth: number;
  readonly ofWeek: number;
  readonly daysInMonth: number;
}

function dayOf(number: number): Day {
  const date = new Date(number * DAY_MS);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  const daysInMonth = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  const [ofMonth, ofWeek] = [date.getUTCDate(), date.getUTCDay()];
  return { number, year, month: month + 1, ofMonth, ofWeek, daysInMonth };
}

/** Rule from its beginning on, ready to be asked for the times of a day. */
export class Occurrences {
  private readonly first: Day;
  /** Times of day, milliseconds, rising. */
  private readonly times: readonly number[];
  /** Period that was asked of last, with what BYSETPOS chooses of it. */
  private period?: { first: number; chosen: ReadonlySet<number> };

  /** @param start local time at which the rule begins; it says what the rule leaves open */
  constructor(
    private readonly rule: Recurrence,
    start: number,
  ) {
    this.first = dayOf(Math.floor(start / DAY_MS));
    const ofDay = start - this.first.number * DAY_MS;
    this.times = timesOf(rule, ofDay);
  }

  /** Returns the local times at which the rule begins on a day, rising; also those before its own beginning. */
  on(day: number): readonly number[] {
    return day < this.first.number ? NONE : this.always(day);
  }

  /** Returns the same, as if the rule had always been there. */
  always(day: number): readonly number[] {
    const known = dayOf(day);
    if (!this.isDay(known)) return NONE;
    const all = this.times.map((time) => day * DAY_MS + time);
    return this.rule.bySetPos.length === 0 ? all : all.filter((at) => this.chosen(known).has(at));
  }

  /** Returns the occurrences that BYSETPOS chooses of the day, week, month or year that a day is in. */
  private chosen(day: Day): ReadonlySet<number> {
    const [first, last] = this.periodOf(day);
    if (this.period?.first === first) return this.period.chosen;
    const all: number[] = [];
    for (let number = first; number <= last; number++)
      if (this.isDay(dayOf(number))) all.push(...this.times.map((time) => number * DAY_MS + time));
    const chosen = new Set(this.rule.bySetPos.flatMap((one) => all.at(one > 0 ? one - 1 : one) ?? []));
    this.period = { first, chosen };
    return chosen;
  }

  /** Returns the first and the last day of the period of its frequency that a day is in. */
  private periodOf({ number, year, ofMonth, ofWeek, daysInMonth }: Day): [first: number, last: number] {
    switch (this.rule.freq) {
      case 'DAILY':
        return [number, number];
      case 'WEEKLY': {
        const first = number - ((ofWeek - this.rule.weekStart + 7) % 7);
        return [first, first + 6];
      }
      case 'MONTHLY':
        return [number - ofMonth + 1, number - ofMonth + daysInMonth];
      case 'YEARLY':
        return [Date.UTC(year, 0, 1) / DAY_MS, Date.UTC(year, 11, 31) / DAY_MS];
    }
  }

  private isDay(day: Day): boolean {
    const { byMonth, byMonthDay, byDay } = this.rule;
    if (byMonth.length > 0 && !byMonth.includes(day.month)) return false;
    if (!this.isInterval(day)) return false;
    if (byMonthDay.length > 0 && !byMonthDay.some((one) => isMonthDay(one, day))) return false;
    if (byDay.length > 0) return byDay.some((one) => this.isWeekDay(one, day));
    return byMonthDay.length > 0 || this.isAsFirst(day);
  }

  /** Tells whether the day, week, month or year is one of every `interval`. */
  private isInterval({ number, year, month }: Day): boolean {
    const { freq, interval, weekStart } = this.rule;
    const { first } = this;
    // 1970 began on a Thursday.
    const week = (day: number) => Math.floor((day + 4 - weekStart) / 7);
    const since = {
      DAILY: () => number - first.number,
      WEEKLY: () => week(number) - week(first.number),
      MONTHLY: () => (year - first.year) * 12 + month - first.month,
      YEARLY: () => year - first.year,
    }[freq]();
    return since % interval === 0;
  }

  private isWeekDay({ day: ofWeek, nth }: WeekDay, day: Day): boolean {
    if (day.ofWeek !== ofWeek) return false;
    if (nth === undefined) return true;
    const isInMonth = this.rule.freq === 'MONTHLY' || this.rule.byMonth.length > 0;
    const [position, length] = isInMonth ? [day.ofMonth, day.daysInMonth] : dayOfYear(day);
    return nth > 0 ? Math.ceil(position / 7) === nth : Math.ceil((length - position + 1) / 7) === -nth;
  }

  /** Tells whether a day is what the first one was, as far as the rule says nothing. */
  private isAsFirst({ month, ofMonth, ofWeek }: Day): boolean {
    const { first } = this;
    switch (this.rule.freq) {
      case 'DAILY':
        return true;
      case 'WEEKLY':
        return ofWeek === first.ofWeek;
      case 'MONTHLY':
        return ofMonth === first.ofMonth;
      case 'YEARLY':
        return ofMonth === first.ofMonth && (this.rule.byMonth.length > 0 || month === first.month);
    }
  }
}

/**
 * Returns times of day, rising. What is not given is as at the beginning; where a minute is given and no second, that
 * is 0.
 */
function timesOf({ byHour, byMinute, bySecond }: Recurrence, ofDay: number): number[] {
  if (byHour.length === 0 && byMinute.length === 0 && bySecond.length === 0) return [ofDay];
  const hours = byHour.length > 0 ? byHour : [Math.floor(ofDay / HOUR_MS)];
  const minutes = byMinute.length > 0 ? byMinute : [Math.floor((ofDay % HOUR_MS) / MINUTE_MS)];
  const given = bySecond.map((second) => second * 1000);
  const seconds = given.length > 0 ? given : [byMinute.length > 0 ? 0 : ofDay % MINUTE_MS];
  return hours.flatMap((hour) =>
    minutes.flatMap((minute) => seconds.map((ms) => hour * HOUR_MS + minute * MINUTE_MS + ms)),
  );
}

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const NONE: readonly never[] = [];

const isMonthDay = (one: number, { ofMonth, daysInMonth }: Day): boolean =>
  one > 0 ? ofMonth === one : ofMonth === daysInMonth + 1 + one;

function dayOfYear({ number, year }: Day): [position: number, length: number] {
  const begin = Date.UTC(year, 0, 1) / DAY_MS;
  return [number - begin + 1, Date.UTC(year + 1, 0, 1) / DAY_MS - begin];
}
