import { copyLine, timestampOf } from './copy-format';

test.each([
  ['2026-11-24T10:00:00.123Z', '2026-11-24T10:00:00.123Z'],
  ['9999-12-31T23:59:59-12:00', '10000-01-01T11:59:59.000Z'],
  ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
  ['0000-06-01T00:00:00Z', '0001-06-01T00:00:00.000Z BC'],
])('%s is %s to PostgreSQL', (given, text) => {
  expect(timestampOf(new Date(given))).toBe(text);
});

test('a line tells nothing from NULL, and its text from its ends', () => {
  expect(copyLine([1.5, true, null, '\\N', 'tab\t, line\n, return\r'])).toBe(
    '1.5\ttrue\t\\N\t\\\\N\ttab\\t, line\\n, return\\r\n',
  );
});
