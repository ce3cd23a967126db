import { alertText, type ToldAlert } from './told-alert';

const alert = (labels: Record<string, string>, annotations: Record<string, string> = {}): ToldAlert => ({
  labels,
  annotations,
  source: 'api',
  at: '2026-01-01T12:00:03.000Z',
});

it.each([
  [alert({ alertname: 'Down', host: 'db-7' }), 'Down{host="db-7"} since 12:00:03Z'],
  [alert({ host: 'a "b"\n' }), 'an alert{host="a \\"b\\""} since 12:00:03Z'],
  [
    alert({ toString: 'x', constructor: 'y' }, { summary: 'two\nlines' }),
    'an alert{toString="x", constructor="y"} since 12:00:03Z: two lines',
  ],
  [alert({}, { summary: '{{ 7 | times: 7 }}' }), 'an alert since 12:00:03Z: {{ 7 | times: 7 }}'],
])('is told in one line: %j', (given, expected) => {
  expect(alertText(given)).toBe(expected);
});

it.each([197, 198, 199, 200, 201])('a long text is cut between characters: an emoji at %d', (at) => {
  const text = `${'a'.repeat(at)}😀${'b'.repeat(50)}`;
  const told = alertText(alert({ host: text }, { summary: text }));
  expect(encodeURIComponent(told)).not.toContain('%5Cud');
  expect(told.length).toBeLessThan(500);
});
