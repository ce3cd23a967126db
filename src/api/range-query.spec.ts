import { momentProblem } from './range-query';

test.each([
  '2026-11-30T10:00:00Z',
  '2026-11-30t10:00:00.123456789z',
  '2026-11-30 10:00:00+01:00',
  '2026-11-30T10:00:00.315+0000',
  '2026-11-30T10:00Z',
  '2026-11-30',
  '2024-02-29',
  '0001-01-01T00:00:00Z',
  '9999-12-31T23:59:59Z',
  '2026-12-31T24:00:00Z',
])('%s is a moment', (text) => {
  expect(momentProblem(text)).toBeUndefined();
});

test.each(['2026-02-30', '2026-02-29T10:00:00Z', '2026-04-31T00:00:00+02:00', '1900-02-29'])(
  '%s is on no day, and not on the next one',
  (text) => {
    expect(momentProblem(text)).toBe(`must be on a day that there is: no calendar has ${text.slice(0, 10)}`);
  },
);

test.each([
  '',
  '2026-11-30T10:00:00',
  '2026-13-01',
  '2026-00-10',
  '2026-11-00',
  '2026-11-30T25:00:00Z',
  '2026-11-30T10:00:00+25:00',
  '20261130T100000Z',
  '1796076000',
  'Mon, 30 Nov 2026 10:00:00 GMT',
  '+012026-11-30T10:00:00Z',
  'tomorrow',
])('%j is none', (text) => {
  expect(momentProblem(text)).toBe('must be a time like 2026-11-22T10:00:00Z');
});
