import { retryAfterSeconds } from './retry-after';

const NOW = new Date('2026-11-30T10:00:00Z');
const at = (time: string) => `Mon, 30 Nov 2026 ${time} GMT`;

test.each([
  ['3', undefined, 3],
  [' 120 ', undefined, 120],
  ['1.5', undefined, 1.5],
  ['0', undefined, 0],
  ['99999999999', undefined, 86_400],
  [at('10:00:30'), undefined, 30],
  [at('10:00:30'), 'nonsense', 30],
  [at('09:59:00'), undefined, 0],
  // Their clock is an hour ahead: what counts is how long it is by theirs.
  [at('11:00:30'), at('11:00:00'), 30],
  ['Monday, 30-Nov-26 10:00:30 GMT', undefined, 30],
  ['Mon Nov 30 10:00:30 2026', undefined, 30],
  ['', undefined, undefined],
  ['soon', undefined, undefined],
  ['-3', undefined, undefined],
  ['3 apples', at('10:00:00'), undefined],
  ['Mon, nonsense', at('10:00:00'), undefined],
])('Retry-After %j beside Date %j is to wait %s s', (value, date, seconds) => {
  expect(retryAfterSeconds({ 'retry-after': value, date }, NOW)).toBe(seconds);
});
