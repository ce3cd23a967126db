import { alertText, type ToldAlert } from './told-alert';

const told = (
  labels: Record<string, string>,
  annotations: Record<string, string> = {},
  at = '2026-01-01T12:00:03.000Z',
): ToldAlert => ({ labels, annotations, source: 'api', at });

test.each<[string, ToldAlert, string]>([
  [
    'a name, labels and a summary',
    told({ alertname: 'HostDown', instance: 'db-7' }, { summary: 'db-7 does not answer' }),
    'HostDown{instance="db-7"} since 12:00:03Z: db-7 does not answer',
  ],
  ['a name alone', told({ alertname: 'HostDown' }), 'HostDown since 12:00:03Z'],
  ['no name', told({ team: 'web' }), 'an alert{team="web"} since 12:00:03Z'],
  ['nothing', told({}), 'an alert since 12:00:03Z'],
  ['a description', told({}, { description: 'a\n b\t c' }), 'an alert since 12:00:03Z: a b c'],
  ['names of properties', told({ toString: 'x' }), 'an alert{toString="x"} since 12:00:03Z'],
  ['quotes and braces', told({ a: '"{{ x }}"' }), String.raw`an alert{a="\"{{ x }}\""} since 12:00:03Z`],
  [
    'controls and other directions',
    told({ alertname: 'a\u202eb\u0000c\u2066d\u001b[31m' }),
    'a b c d [31m since 12:00:03Z',
  ],
  [
    'many labels',
    told({ a: '1', b: '2', c: '3', d: '4', e: '5', f: '6', g: '7' }),
    'an alert{a="1", b="2", c="3", d="4", e="5", f="6", …} since 12:00:03Z',
  ],
])('%s', (_, alert, text) => {
  expect(alertText(alert)).toBe(text);
});

test('no text is longer than a line takes', () => {
  const long = 'x'.repeat(10_000);
  expect(alertText(told({ alertname: long, a: long }, { summary: long })).length).toBeLessThan(700);
});
