import { workedMs } from '../../test/loop-delay';
import fc from 'fast-check';
import { RE2JS } from 're2js';
import { Matcher, type Match } from './matcher';

const matched = (subscriptions: Record<string, Match>, labels: Record<string, string>): string[] =>
  new Matcher(Object.entries(subscriptions).map(([service, match]) => ({ service, metric: 'm', match })))
    .matches(labels, 'api')
    .map(({ service }) => service)
    .sort();

const SUBSCRIPTIONS: Record<string, Match> = {
  name: { alertname: 'WebDown' },
  both: { alertname: 'WebDown', instance: 'web-3' },
  regex: { instance: { regex: 'web-\\d+' } },
  mixed: { alertname: 'WebDown', instance: { regex: 'db-.*' } },
  nothing: {},
};

test.each([
  [{ alertname: 'WebDown' }, ['name']],
  [{ alertname: 'WebDown', instance: 'web-3' }, ['both', 'name', 'regex']],
  [{ alertname: 'WebDown', instance: 'db-1' }, ['mixed', 'name']],
  [{ alertname: 'Other', instance: 'web-3' }, ['regex']],
  [{ instance: 'old-web-3' }, []],
  [{}, []],
])('%j fits %j', (labels, services) => {
  expect(matched(SUBSCRIPTIONS, labels as Record<string, string>)).toEqual(services);
});

describe('a label that is not there is an empty one', () => {
  const subscriptions: Record<string, Match> = {
    without: { alertname: 'WebDown', team: '' },
    any: { alertname: 'WebDown', team: { regex: '.*' } },
    some: { alertname: 'WebDown', team: { regex: '.+' } },
    few: { alertname: 'WebDown', team: { regex: 'web|' } },
    alone: { team: '' },
  };

  test.each([
    [{ alertname: 'WebDown' }, ['alone', 'any', 'few', 'without']],
    [{ alertname: 'WebDown', team: '' }, ['alone', 'any', 'few', 'without']],
    [{ alertname: 'WebDown', team: 'web' }, ['any', 'few', 'some']],
    [{ alertname: 'WebDown', team: 'db' }, ['any', 'some']],
    [{ alertname: 'Other' }, ['alone']],
    [{ alertname: 'Other', team: ' ' }, []],
  ])('%j fits %j', (labels, services) => {
    expect(matched(subscriptions, labels as Record<string, string>)).toEqual(services);
  });

  test('whatever its name is', () => {
    expect(matched({ odd: { constructor: '', toString: '' } }, { alertname: 'WebDown' })).toEqual(['odd']);
    expect(matched({ odd: { valueOf: { regex: '.+' } } }, { alertname: 'WebDown' })).toEqual([]);
  });

  test('such a service is forgotten like others', () => {
    const matcher = new Matcher([{ service: 'a', metric: 'm', match: { team: '' } }]);
    matcher.remove(['a']);
    expect(matcher.asks({ alertname: 'WebDown' }, 'api')).toBe(false);
  });
});

test('a pattern that would hang a backtracking engine is answered at once', () => {
  const began = workedMs();
  expect(matched({ evil: { instance: { regex: '(a+)+$' } } }, { instance: `${'a'.repeat(5_000)}!` })).toEqual(
    [],
  );
  expect(workedMs() - began).toBeLessThan(1_000);
});

test('what a service asks for is forgotten, and may be another thing then', () => {
  const matcher = new Matcher([
    { service: 'a', metric: 'm', match: { alertname: 'WebDown' } },
    { service: 'a', metric: 'n', match: { instance: { regex: 'web-.*' } } },
    { service: 'b', metric: 'm', match: { alertname: 'WebDown' } },
  ]);
  const labels = { alertname: 'WebDown', instance: 'web-1' };
  expect(matcher.matches(labels, 'api')).toHaveLength(3);
  matcher.remove(['a', 'unknown']);
  expect(matcher.matches(labels, 'api').map(({ service }) => service)).toEqual(['b']);
  matcher.add([{ service: 'a', metric: 'm', match: { alertname: 'DbDown' } }]);
  expect(matcher.matches({ alertname: 'DbDown' }, 'api').map(({ service }) => service)).toEqual(['a']);
  expect(matcher.asks({ alertname: 'Nothing' }, 'api')).toBe(false);
});

test('of a hundred thousand that share a label, one is found by the other', () => {
  const many = Array.from({ length: 100_000 }, (_, n) => ({
    service: `s${n}`,
    metric: 'm',
    match: { instance: `host-${n}`, alertname: 'Down' },
  }));
  const matcher = new Matcher(many);
  const began = workedMs();
  for (let n = 0; n < 1_000; n++) {
    const found = matcher.matches({ alertname: 'Down', instance: `host-${n * 100}`, job: 'node' }, 'api');
    expect(found.map(({ service }) => service)).toEqual([`s${n * 100}`]);
  }
  expect(workedMs() - began).toBeLessThan(1_000);
});

test('one that can not be used is skipped and told of, whatever is wrong with it; the others match', () => {
  const told: string[] = [];
  const stored: unknown[] = [
    { a: { regex: '(' } },
    { a: { regex: 5 } },
    { a: null },
    { a: 5 },
    { a: [] },
    [null],
    'text',
    null,
    { toString: {} },
  ];
  const broken = stored.map((match, index) => ({
    service: `broken-${index}`,
    metric: 'm',
    match: match as Match,
  }));
  const good = {
    service: 'good',
    metric: 'm',
    match: { toString: { regex: '.*' }, a: 'b' } as unknown as Match,
  };
  const matcher = new Matcher([...broken, good], ({ service }) => told.push(service));
  expect(matcher.matches({ a: 'b' }, 'api').map(({ service }) => service)).toEqual(['good']);
  expect(told).toEqual(broken.map(({ service }) => service));
  matcher.remove(broken.map(({ service }) => service));
  expect(matcher.asks({ a: 'b' }, 'api')).toBe(true);
});

test('one that throws when it is asked costs no other its match', () => {
  const told: string[] = [];
  const matcher = new Matcher([], ({ service }) => told.push(service));
  matcher.add([
    { service: 'throws', metric: 'm', match: { a: { regex: 'x.*' } } },
    { service: 'fits', metric: 'm', match: { a: 'x' } },
  ]);
  const nasty = { a: { toString: () => 'x' } } as unknown as Record<string, string>;
  expect(matcher.matches(nasty, 'api').map(({ service }) => service)).toEqual([]);
  expect(
    matcher
      .matches({ a: 'x' }, 'api')
      .map(({ service }) => service)
      .sort(),
  ).toEqual(['fits', 'throws']);
  expect(told).toEqual(['throws']);
});

test('a metric hears the sources it believes, and a confined source feeds its services alone', () => {
  const match = { alertname: 'Down' };
  const matcher = new Matcher([
    { service: 'all', metric: 'm', match },
    { service: 'one', metric: 'm', match, sources: ['prometheus'] },
    { service: 'two', metric: 'm', match, sources: ['prometheus', 'grafana'] },
  ]);
  const fed = (source: string) =>
    matcher
      .matches(match, source)
      .map(({ service }) => service)
      .sort();
  expect(fed('prometheus')).toEqual(['all', 'one', 'two']);
  expect(fed('grafana')).toEqual(['all', 'two']);
  expect(fed('api')).toEqual(['all']);
  matcher.confine(
    new Map([
      ['grafana', new Set(['two'])],
      ['api', new Set<string>()],
    ]),
  );
  expect(fed('prometheus')).toEqual(['all', 'one', 'two']);
  expect(fed('grafana')).toEqual(['two']);
  expect(matcher.asks(match, 'api')).toBe(false);
});

describe('patterns', () => {
  test('ten thousand of a label are asked together', () => {
    const count = 10_000;
    const matcher = new Matcher(
      Array.from({ length: count }, (_, n) => ({
        service: `s${n}`,
        metric: 'm',
        match: { instance: { regex: `web-${n}-.*` }, team: { regex: n % 2 === 0 ? 'a|b' : '' } },
      })),
    );
    // One by one these take minutes.
    for (let n = 0; n < 2_000; n++) {
      const found = matcher.matches({ instance: `web-${n * 4}-x.example.com`, team: 'b' }, 'api');
      expect(found.map(({ service }) => service)).toEqual([`s${n * 4}`]);
    }
    matcher.remove(['s4']);
    expect(matcher.asks({ instance: 'web-4-x', team: 'a' }, 'api')).toBe(false);
    expect(matcher.asks({ instance: 'web-8-x', team: 'a' }, 'api')).toBe(true);
    matcher.add([{ service: 'new', metric: 'm', match: { instance: { regex: 'web-4-.' } } }]);
    expect(matcher.matches({ instance: 'web-4-x' }, 'api').map(({ service }) => service)).toEqual(['new']);
  });

  const atom = fc.constantFrom(
    ...[
      'a',
      'b',
      '.',
      '\\d',
      '\\w',
      '[a-c]',
      '[^a]',
      '\\.',
      'é',
      '\\pL',
      '\\b',
      '\\B',
      '^',
      '$',
      '(?i:B)',
      '\\s',
      '(?s:.)',
      '(?m)^',
      '',
    ],
  );
  const pattern = fc.letrec<{ any: string }>((tie) => ({
    any: fc.oneof(
      { maxDepth: 4 },
      atom,
      fc.tuple(tie('any'), tie('any')).map(([a, b]) => a + b),
      fc.tuple(tie('any'), tie('any')).map(([a, b]) => `(?:${a}|${b})`),
      tie('any').map((one) => `(${one})*`),
      tie('any').map((one) => `(?:${one})+?`),
    ),
  })).any;
  const value = fc.array(fc.constantFrom('a', 'b', 'B', 'é', '\n', ' ', '1', '.', '😀', '_'), {
    maxLength: 10,
  });

  test('asked together they fit what each fits by itself', () => {
    fc.assert(
      fc.property(fc.array(pattern, { minLength: 1, maxLength: 6 }), value, (patterns, characters) => {
        const text = characters.join('');
        const matcher = new Matcher(
          patterns.map((regex, n) => ({ service: String(n), metric: 'm', match: { label: { regex } } })),
        );
        const alone = patterns.flatMap((regex, n) => (RE2JS.compile(regex).matches(text) ? [String(n)] : []));
        const together = matcher.matches({ label: text }, 'api').map(({ service }) => service);
        expect(together.sort()).toEqual(alone);
      }),
      { numRuns: 2_000 },
    );
  });
});
