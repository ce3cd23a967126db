import fc from 'fast-check';
import { momentOfLocal } from './local-time';
import { RecurrenceError } from './recurrence';
import { windowsOf, type Schedule } from './schedule';

const DAY = 86_400_000;
const at = (text: string): number => Date.parse(text);
const iso = (moment: number): string => new Date(moment).toISOString().slice(0, 16);

function starts(from: string, until: string, schedule: Partial<Schedule> & { rrule: string }, count = 5) {
  const windows = windowsOf(
    { from: at(from), until: at(until) },
    { timeZone: 'UTC', durationSeconds: 3600, ...schedule },
  );
  return windows.next(at(from), count).map((one) => iso(one.from));
}

describe('local times', () => {
  test.each([
    // Zone, local time, moment.
    ['Europe/Madrid', '2027-03-28T02:30', undefined],
    ['Europe/Madrid', '2027-03-28T03:00', '2027-03-28T01:00'],
    ['Europe/Madrid', '2026-10-25T02:30', '2026-10-25T00:30'],
    ['Europe/Madrid', '2026-10-25T03:00', '2026-10-25T02:00'],
    ['America/New_York', '2026-03-08T02:15', undefined],
    ['America/New_York', '2026-11-01T01:15', '2026-11-01T05:15'],
    ['Australia/Lord_Howe', '2026-10-04T02:15', undefined],
    ['Australia/Lord_Howe', '2026-04-05T01:45', '2026-04-04T14:45'],
    ['Asia/Kathmandu', '2026-06-01T00:00', '2026-05-31T18:15'],
    ['Pacific/Apia', '2011-12-30T12:00', undefined],
    ['UTC', '2026-03-28T02:30', '2026-03-28T02:30'],
  ])('%s %s is %s', (zone, local, moment) => {
    const found = momentOfLocal(at(`${local}Z`), zone);
    expect(found === undefined ? undefined : iso(found)).toBe(moment);
  });
});

describe('windows', () => {
  test('2:30 in Madrid is 2:30 on both sides of both changes, and has no window where it is left out', () => {
    const madrid = { rrule: 'FREQ=DAILY;BYHOUR=2;BYMINUTE=30', timeZone: 'Europe/Madrid' };
    expect(starts('2027-03-26T23:00Z', '2027-04-30T00:00Z', madrid, 3)).toEqual([
      '2027-03-27T01:30',
      '2027-03-29T00:30',
      '2027-03-30T00:30',
    ]);
    expect(starts('2026-10-24T00:00Z', '2026-11-30T00:00Z', madrid, 3)).toEqual([
      '2026-10-24T00:30',
      '2026-10-25T00:30',
      '2026-10-26T01:30',
    ]);
    const windows = windowsOf(
      { from: at('2027-03-01T00:00Z'), until: at('2028-03-01T00:00Z') },
      { ...madrid, durationSeconds: 60 },
    );
    expect(windows.leftOut(at('2027-03-01T00:00Z'))).toEqual(['2027-03-28 02:30']);
    expect(windows.leftOut(at('2027-04-01T00:00Z'))).toEqual([]);
  });

  test.each([
    ['FREQ=WEEKLY;BYDAY=SA,SU', ['2026-01-03T10:00', '2026-01-04T10:00', '2026-01-10T10:00']],
    ['FREQ=WEEKLY', ['2026-01-01T10:00', '2026-01-08T10:00', '2026-01-15T10:00']],
    ['FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;WKST=SU', ['2026-01-12T10:00', '2026-01-26T10:00', '2026-02-09T10:00']],
    ['FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=MO', ['2026-01-04T10:00', '2026-01-18T10:00', '2026-02-01T10:00']],
    ['FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=SU', ['2026-01-11T10:00', '2026-01-25T10:00', '2026-02-08T10:00']],
    ['FREQ=MONTHLY;BYDAY=1SU', ['2026-01-04T10:00', '2026-02-01T10:00', '2026-03-01T10:00']],
    ['FREQ=MONTHLY;BYDAY=-1FR', ['2026-01-30T10:00', '2026-02-27T10:00', '2026-03-27T10:00']],
    ['FREQ=MONTHLY;BYMONTHDAY=-1', ['2026-01-31T10:00', '2026-02-28T10:00', '2026-03-31T10:00']],
    ['FREQ=MONTHLY;BYMONTHDAY=31', ['2026-01-31T10:00', '2026-03-31T10:00', '2026-05-31T10:00']],
    ['FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13', ['2026-02-13T10:00', '2026-03-13T10:00', '2026-11-13T10:00']],
    ['FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29', ['2028-02-29T10:00', '2032-02-29T10:00']],
    ['FREQ=YEARLY;BYDAY=20MO', ['2026-05-18T10:00', '2027-05-17T10:00', '2028-05-15T10:00']],
    ['FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU', ['2026-03-29T10:00', '2027-03-28T10:00', '2028-03-26T10:00']],
    ['FREQ=DAILY;INTERVAL=10;COUNT=2', ['2026-01-01T10:00', '2026-01-11T10:00']],
    ['RRULE:FREQ=DAILY;UNTIL=20260102', ['2026-01-01T10:00', '2026-01-02T10:00']],
    ['FREQ=DAILY;UNTIL=20260102T100000Z', ['2026-01-01T10:00', '2026-01-02T10:00']],
    ['FREQ=DAILY;UNTIL=20260102T095959', ['2026-01-01T10:00']],
    ['FREQ=DAILY;BYHOUR=9,17;BYMINUTE=0', ['2026-01-01T17:00', '2026-01-02T09:00', '2026-01-02T17:00']],
    [
      'FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1',
      ['2026-01-30T10:00', '2026-02-27T10:00', '2026-03-31T10:00'],
    ],
    [
      'FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1,-1',
      ['2026-01-01T10:00', '2026-01-30T10:00', '2026-02-02T10:00'],
    ],
    ['FREQ=YEARLY;BYDAY=SU;BYSETPOS=2,-2', ['2026-01-11T10:00', '2026-12-20T10:00', '2027-01-10T10:00']],
    [
      'FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=2;WKST=SU',
      ['2026-01-07T10:00', '2026-01-14T10:00', '2026-01-21T10:00'],
    ],
    [
      'FREQ=DAILY;BYHOUR=3,9,17;BYMINUTE=0,30;BYSETPOS=-1',
      ['2026-01-01T17:30', '2026-01-02T17:30', '2026-01-03T17:30'],
    ],
    [
      'FREQ=MONTHLY;INTERVAL=2;BYDAY=SA,SU;BYSETPOS=3',
      ['2026-01-10T10:00', '2026-03-08T10:00', '2026-05-09T10:00'],
    ],
    [
      'FREQ=DAILY;BYHOUR=2;BYMINUTE=30;BYSECOND=0',
      ['2026-01-02T02:30', '2026-01-03T02:30', '2026-01-04T02:30'],
    ],
    [
      'FREQ=YEARLY;BYMONTH=1,3;BYDAY=MO;BYSETPOS=-1',
      ['2026-03-30T10:00', '2027-03-29T10:00', '2028-03-27T10:00'],
    ],
    ['FREQ=DAILY;BYMONTH=12', ['2026-12-01T10:00', '2026-12-02T10:00', '2026-12-03T10:00']],
  ])('%s', (rrule, expected) => {
    expect(starts('2026-01-01T10:00Z', '2035-12-31T00:00Z', { rrule }, 3)).toEqual(expected);
  });

  test('a second that is given counts, and stands beside what is as at the beginning', () => {
    const from = at('2026-01-01T10:17:42.123Z');
    const first = (rrule: string) =>
      windowsOf({ from, until: from + 9 * DAY }, { rrule, timeZone: 'UTC', durationSeconds: 60 })
        .next(from, 2)
        .map((one) => new Date(one.from).toISOString().slice(8, 23));
    expect(first('FREQ=DAILY;BYSECOND=5')).toEqual(['02T10:17:05.000', '03T10:17:05.000']);
    expect(first('FREQ=DAILY;BYHOUR=11;BYMINUTE=3;BYSECOND=50,7')).toEqual(['01T11:03:07.000', '01T11:03:50.000']);
    expect(first('FREQ=DAILY;BYHOUR=11')).toEqual(['01T11:17:42.123', '02T11:17:42.123']);
  }); // prettier-ignore

  test('a beginning that is not whole minutes begins with itself', () => {
    const from = at('2026-01-01T10:17:42.123Z');
    const windows = windowsOf(
      { from, until: from + 3 * DAY },
      { rrule: 'FREQ=DAILY', timeZone: 'Asia/Tokyo', durationSeconds: 60 },
    );
    expect(windows.next(from, 9).map((one) => one.from)).toEqual([from, from + DAY, from + 2 * DAY]);
  });

  test('no window goes on after the end, and none begins there', () => {
    const windows = windowsOf(
      { from: at('2026-01-01T10:00Z'), until: at('2026-01-03T10:00Z') },
      { rrule: 'FREQ=DAILY', timeZone: 'UTC', durationSeconds: 30 * 3600 },
    );
    expect(windows.next(at('2026-01-01T00:00Z'), 9).map((one) => [iso(one.from), iso(one.until)])).toEqual([
      ['2026-01-01T10:00', '2026-01-02T16:00'],
      ['2026-01-02T10:00', '2026-01-03T10:00'],
    ]);
    expect(windows.last(at('2026-01-01T09:59Z'))).toBeUndefined();
    expect(windows.last(at('2026-01-09T00:00Z'))!.until).toBe(at('2026-01-03T10:00Z'));
  });

  test('ten years ahead and back again cost nothing: no window is counted up to now', () => {
    const windows = windowsOf(
      { from: at('2026-01-01T00:00Z'), until: at('2035-12-31T00:00Z') },
      { rrule: 'FREQ=DAILY;BYMINUTE=0,30', timeZone: 'Europe/Berlin', durationSeconds: 60 },
    );
    expect(iso(windows.last(at('2035-06-01T12:00Z'))!.from)).toBe('2035-05-31T23:30');
    expect(windows.next(at('2035-06-01T12:00Z'), 5)).toHaveLength(5);
    expect(iso(windows.last(at('2026-02-01T12:00Z'))!.from)).toBe('2026-02-01T00:30');
  });
});

describe('what is no rule says what would be right', () => {
  test.each([
    ['FREQ=SECONDLY', 'DAILY, WEEKLY, MONTHLY, YEARLY'],
    ['FREQ=MINUTELY;INTERVAL=5', 'BYHOUR and BYMINUTE'],
    ['FREQ=HOURLY', 'BYHOUR and BYMINUTE'],
    ['', 'no NAME=VALUE'],
    ['INTERVAL=2', 'must have FREQ'],
    ['FREQ=DAILY;BYSETPOS=1', 'BYSETPOS, which needs another part'],
    ['FREQ=DAILY;BYHOUR=1;BYSETPOS=0', 'BYSETPOS=0'],
    ['FREQ=DAILY;BYSECOND=60', 'BYSECOND=60'],
    ['FREQ=DAILY;BYHOUR=1,2;BYMINUTE=1,2,3,4,5;BYSECOND=0,10,20,30,40', 'more than 48 times'],
    ['FREQ=YEARLY;BYWEEKNO=1', 'BYWEEKNO, which is not supported'],
    ['FREQ=DAILY;FREQ=WEEKLY', 'FREQ twice'],
    ['FREQ=DAILY;COUNT=1000000', 'from 1 to 1000'],
    ['FREQ=DAILY;COUNT=1;UNTIL=20260101', 'both COUNT and UNTIL'],
    ['FREQ=DAILY;INTERVAL=0', 'from 1 to 1000'],
    ['FREQ=DAILY;INTERVAL=1e9', 'whole numbers'],
    ['FREQ=DAILY;BYHOUR=24', 'from 0 to 23'],
    ['FREQ=DAILY;BYDAY=1MO', 'FREQ=MONTHLY and YEARLY'],
    ['FREQ=WEEKLY;BYDAY=XX', 'days are SU'],
    ['FREQ=WEEKLY;BYMONTHDAY=1', 'BYMONTHDAY with FREQ=WEEKLY'],
    ['FREQ=MONTHLY;BYMONTHDAY=0', 'BYMONTHDAY=0'],
    ['FREQ=DAILY;UNTIL=20260230', 'UNTIL=20260230'],
    ['FREQ=DAILY;UNTIL=soon', 'UNTIL=SOON'],
    ['FREQ=WEEKLY;WKST=XX', 'WKST'],
    ['DTSTART:20260101T000000Z\nRRULE:FREQ=DAILY', 'startsAt'],
    [`FREQ=DAILY;BYMINUTE=${Array.from({ length: 60 }, (_, minute) => minute).join(',')}`, '48 times a day'],
    ['toString=1', 'TOSTRING, which is not supported'],
  ])('%s', (rrule, said) => {
    const make = () => starts('2026-01-01T10:00Z', '2026-02-01T00:00Z', { rrule });
    expect(make).toThrow(RecurrenceError);
    expect(make).toThrow(said);
  });
});

/** Windows' beginnings by going through every half hour and looking at a calendar on the wall. */
function seen(from: number, until: number, zone: string, isMeant: (local: Date) => boolean): number[] {
  const wall = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
  const been = new Set<string>();
  const found: number[] = [];
  for (let moment = from - DAY; moment < until; moment += DAY / 48) {
    const shown = wall.format(moment);
    const isFirst = !been.has(shown);
    been.add(shown);
    if (isFirst && moment >= from && isMeant(new Date(`${shown.replace(' ', 'T')}Z`))) found.push(moment);
  }
  return found;
}

test('windows are those of a calendar on the wall, in zones that change and zones that do not', () => {
  const zones = ['Europe/Madrid', 'America/New_York', 'America/Santiago', 'Australia/Lord_Howe', 'Asia/Kolkata', 'Africa/Casablanca']; // prettier-ignore
  const changes = ['2026-03-01', '2026-03-27', '2026-04-01', '2026-09-01', '2026-10-20', '2027-01-01'];
  const names = ['SU', 'MO', 'TU', 'WE', 'TH', 'FR', 'SA'];
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.constantFrom(...changes),
      fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { maxLength: 3 }),
      fc.uniqueArray(fc.constantFrom<number[]>(0, 1, 2, 3, 12, 23), { minLength: 1, maxLength: 3 }),
      fc.constantFrom(0, 30),
      fc.uniqueArray(fc.constantFrom(1, 8, 29, -1, -3), { maxLength: 2 }),
      (zone, day, days, hours, minute, monthDays) => {
        const from = at(`${day}T00:00:00Z`);
        const until = from + 45 * DAY;
        const rrule = [
          'FREQ=MONTHLY',
          `BYDAY=${(days.length === 0 ? [0, 1, 2, 3, 4, 5, 6] : days).map((one) => names[one]).join(',')}`,
          ...(monthDays.length === 0 ? [] : [`BYMONTHDAY=${monthDays.join(',')}`]),
          `BYHOUR=${hours.join(',')};BYMINUTE=${minute}`,
        ].join(';');
        const windows = windowsOf({ from, until }, { rrule, timeZone: zone, durationSeconds: 60 });
        const wall = seen(from, until, zone, (local) => {
          const last = new Date(Date.UTC(local.getUTCFullYear(), local.getUTCMonth() + 1, 0)).getUTCDate();
          const ofMonth = local.getUTCDate();
          return (
            (days.length === 0 || days.includes(local.getUTCDay())) &&
            (monthDays.length === 0 ||
              monthDays.some((one) => one === ofMonth || last + one + 1 === ofMonth)) &&
            hours.includes(local.getUTCHours()) &&
            local.getUTCMinutes() === minute
          );
        });
        expect(windows.next(from, 10_000).map((one) => iso(one.from))).toEqual(wall.map(iso));
        for (const moment of wall.slice(0, 5)) {
          expect(windows.last(moment)!.from).toBe(moment);
          expect(windows.last(moment - 1)?.from).toBe(wall.findLast((one) => one < moment));
        }
      },
    ),
    { numRuns: 40 },
  );
});
