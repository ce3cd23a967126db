import { isOnDuty, nextWindows, scheduleProblem } from './on-duty';

const NOW = Date.parse('2026-11-30T12:00:00Z');
const at = (text: string): number => Date.parse(text);
const schedule = (rrule: string, durationSeconds = 8 * 3_600, timeZone = 'UTC') => ({
  rrule,
  timeZone,
  durationSeconds,
});

describe('when a contact is told', () => {
  const office = schedule('FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=9', 8 * 3_600, 'Europe/Madrid');
  const nights = schedule('FREQ=DAILY;BYHOUR=22;BYMINUTE=30', 8 * 3_600, 'America/New_York');
  test.each([
    ['a Monday, before', office, '2026-11-30T07:59:59Z', false],
    ['to the second', office, '2026-11-30T08:00:00Z', true],
    ['its last second', office, '2026-11-30T15:59:59Z', true],
    ['over', office, '2026-11-30T16:00:00Z', false],
    ['a Sunday', office, '2026-11-29T10:00:00Z', false],
    ['in summer an hour earlier', office, '2026-07-06T07:00:00Z', true],
    ['over midnight', nights, '2026-12-01T05:00:00Z', true],
    ['after the night', nights, '2026-12-01T12:00:00Z', false],
    ['the night in which clocks are set back is told to its end', nights, '2026-11-01T10:29:59Z', true],
    ['what is left open is as on Monday, 2024-01-01', schedule('FREQ=WEEKLY', 3_600), '2026-11-30T00:30:00Z', true],
    ['and on no other day', schedule('FREQ=WEEKLY', 3_600), '2026-12-01T00:30:00Z', false],
    ['every other week is counted from then', schedule('FREQ=WEEKLY;INTERVAL=2', 3_600), '2024-01-15T00:30:00Z', true],
    ['and not the week between', schedule('FREQ=WEEKLY;INTERVAL=2', 3_600), '2024-01-08T00:30:00Z', false],
  ])('%s', (_, given, moment, expected) => {
    expect(isOnDuty(given, at(moment))).toBe(expected);
  }); // prettier-ignore

  test('always without a schedule, and rather than never with one that can not be read', () => {
    expect(isOnDuty(null, NOW)).toBe(true);
    expect(isOnDuty(schedule('FREQ=DAILY', 60, 'Mars/Olympus'), NOW)).toBe(true);
    expect(isOnDuty(schedule('FREQ=NEVER', 60), NOW)).toBe(true);
  });
});

test('the next windows begin with the one that is open, over a change of clocks', () => {
  const office = schedule('FREQ=WEEKLY;BYDAY=FR,MO;BYHOUR=9', 8 * 3_600, 'Europe/Madrid');
  const shown = nextWindows(office, at('2026-10-23T12:00:00Z'), 2).map(({ from, until }) =>
    [from, until].map((moment) => new Date(moment).toISOString()),
  );
  expect(shown).toEqual([
    ['2026-10-23T07:00:00.000Z', '2026-10-23T15:00:00.000Z'],
    ['2026-10-26T08:00:00.000Z', '2026-10-26T16:00:00.000Z'],
  ]);
  expect(nextWindows(schedule('FREQ=DAILY;UNTIL=20260101'), NOW, 2)).toEqual([]);
});

test.each([
  ['FREQ=DAILY;COUNT=3', 'must not have COUNT'],
  ['FREQ=DAILY;UNTIL=20260101', 'has no window in the next 10 years'],
  ['FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30', 'has no window in the next 10 years'],
  ['FREQ=MONTHLY;BYMONTHDAY=31;BYMONTH=4', 'has no window in the next 10 years'],
  ['FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29', undefined],
  ['FREQ=DAILY;UNTIL=20261201', undefined],
  ['FREQ=WEEKLY;BYDAY=SA,SU', undefined],
])('a contact of %s is told so: %s', (rrule, expected) => {
  const problem = scheduleProblem(schedule(rrule), NOW);
  if (expected === undefined) expect(problem).toBeUndefined();
  else expect(problem).toContain(expected);
});
