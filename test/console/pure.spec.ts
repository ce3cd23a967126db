/** What the console's page works out for itself, without a browser. */
import fc from 'fast-check';
import { fromLine, inLine, labelAskedFor, labelFilter } from '../../src/console/web/app/label-filter';
import { contactPath, editPath, servicePath, userPath } from '../../src/console/web/app/paths';
import { parseSearch, stringifySearch } from '../../src/console/web/app/search';
import { singular, labelOf, words } from '../../src/console/web/forms/words';
import { exactly, spanWords } from '../../src/console/web/parts/exactly';
import { token, typedNumber, withMember } from '../../src/console/web/forms/values';
import { differences } from '../../src/console/web/pages/editor/differences';
import { bandsOf, marksOf } from '../../src/console/web/pages/service/bands';
import { beginningOf, withGaps } from '../../src/console/web/pages/service/gaps';
import { stretches } from '../../src/console/web/pages/service/stretches';
import { thresholdsOf } from '../../src/console/web/pages/service/thresholds';
import { viewsOf } from '../../src/console/web/app/views-kept';
import { calendarDays } from '../../src/console/web/pages/silences/calendar-days';
import { matchWords } from '../../src/console/web/pages/silences/words';
import type { Decision, Silence } from '../../src/console/web/api/shapes';

const at = (second: number): string => new Date(second * 1_000).toISOString();

describe('a filter of labels', () => {
  it('is read as it was written, whatever is in its name and value, and stands in a line with others', () => {
    const odd = fc.constantFrom('=', '\\', ',', '"', ' ', '!', '🙂', 'a');
    const text = fc.array(odd, { maxLength: 8 }).map((some) => some.join(''));
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text), { maxLength: 4 }), (labels) => {
        const filters = labels.map(([name, value]) => labelFilter(name, value));
        expect(filters.map(labelAskedFor)).toEqual(labels);
        expect(fromLine(inLine(filters))).toEqual(filters);
      }),
    );
  });

  it.each([
    ['team=web  env=prod', ['team=web', 'env=prod']],
    ['"note=two words" team', ['note=two words', 'team']],
    ['"a=""b"""', ['a="b"']],
    ['"not closed', ['not closed']],
    ['  ', []],
  ])('%s in the box is %j', (line, filters) => {
    expect(fromLine(line)).toEqual(filters);
  });

  it.each(['team', 'team=web,env=prod', 'a\\\\=b'])('%s is no one label', (filter) => {
    expect(labelAskedFor(filter)).toBeUndefined();
  });
});

test('moments of a list are written by one format for each zone', () => {
  const made = jest.spyOn(Intl, 'DateTimeFormat');
  const written = Array.from({ length: 50 }, (_, second) => exactly(at(second), 'utc'));
  expect(written[7]).toBe('1970-01-01 00:00:07 UTC');
  expect(made.mock.calls.length).toBeLessThanOrEqual(1);
  made.mockRestore();
});

describe('the path of a thing', () => {
  it('is none of a form, also where its name is the last part of that', () => {
    expect(servicePath('new')).toBe('/services/new/view');
    expect(editPath(contactPath('new'))).toBe('/contacts/new/edit');
    expect(userPath('a b')).toBe('/people/a%20b');
  });
});

describe('lines of a chart', () => {
  it.each([
    ['cpu > 80', 'cpu', [80]],
    ['80 < cpu', 'cpu', [80]],
    ['cpu>80&&cpu<=95.5', 'cpu', [80, 95.5]],
    ['cpu > -3e2 || other > 7', 'cpu', [-300]],
    ['cpu > 80 || cpu > 80', 'cpu', [80]],
    ['mycpu > 80 || cpu2 > 9 || a.cpu > 7', 'cpu', []],
    ['cpu * 2.0 > 80', 'cpu', []],
    ['2.0 * cpu > 80', 'cpu', []],
    ['cpu > 80 * 2', 'cpu', []],
    ['cpu > limit', 'cpu', []],
    ['"cpu > 80" == "x"', 'cpu', []],
    ['abs(cpu) > 5', 'cpu', []],
    ['(cpu > 5)', 'cpu', [5]],
  ])('%s compares %s with %j', (condition, metric, values) => {
    expect(thresholdsOf(condition, metric).map(({ value }) => value)).toEqual(values);
  });

  it('are found in any text, or none are', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), fc.string({ maxLength: 20 }), (condition, metric) =>
        thresholdsOf(condition, metric).every(({ value }) => Number.isFinite(value)),
      ),
    );
  });
});

describe('readings', () => {
  it('are a line where they come in time, and a gap where they do not', () => {
    expect(withGaps([[at(0), 1], [at(10), 2], [at(20), 3]], 10)[1]).toEqual([1, 2, 3]); // prettier-ignore
    expect(withGaps([[at(0), 1], [at(40), 2]], 10)).toEqual([[0, 10, 40], [1, null, 2]]); // prettier-ignore
    // One that is a little late, or one that is left out, is none.
    expect(withGaps([[at(0), 1], [at(20), 2]], 10)[1]).toEqual([1, 2]); // prettier-ignore
    expect(withGaps([], 10)).toEqual([[], []]);
  });

  it('a stretch of time names the day of its end where that is another', () => {
    const [from, sameDay, nextDay] = ['2026-12-01T03:15:00Z', '2026-12-01T05:15:00Z', '2026-12-02T05:15:00Z'];
    expect(spanWords(from, sameDay, 'utc')).toBe('2026-12-01 03:15:00 UTC to 05:15:00 UTC');
    expect(spanWords(from, nextDay, 'utc')).toBe('2026-12-01 03:15:00 UTC to 2026-12-02 05:15:00 UTC');
  });

  it.each([
    ['is new: a little before its first reading', [3_400, 3_500, 3_600], 3_390],
    ['has been read for longer than a quarter of it: where the range does', [2_600, 3_600], 0],
    ['was just read for the first time: not in the same moment', [3_599], 3_539.95],
    ['has no reading: where the range does', [], 0],
  ])('a chart of a service that %s', (_, times, expected) => {
    expect(beginningOf([times, times.map(() => 1)], 0, 3_600)).toBe(expected);
  });

  it('a gap at the beginning is no reading', () => {
    expect(beginningOf([[10, 3_500], [null, 1]], 0, 3_600)).toBe(3_495); // prettier-ignore
  });

  it('keep their order and their number, whatever gaps there are', () => {
    const times = fc.uniqueArray(fc.nat(100_000), { maxLength: 200 });
    fc.assert(
      fc.property(times, fc.integer({ min: 1, max: 600 }), (seconds, every) => {
        const points = seconds.sort((a, b) => a - b).map((second): [string, number] => [at(second), second]);
        const [shown, values] = withGaps(points, every);
        expect(values.filter((value) => value !== null)).toEqual(seconds);
        expect(shown.every((time, index) => index === 0 || time > shown[index - 1]!)).toBe(true);
      }),
    );
  });
});

const decision = (from: number, to: number | undefined, more: Partial<Decision> = {}): Decision => ({
  from: at(from),
  ...(to === undefined ? {} : { to: at(to) }),
  phase: 'ok',
  reason: 'condition_false',
  explanation: '',
  values: {},
  ...more,
});

describe('decisions', () => {
  it('lie in the range that is shown, cut to it', () => {
    const all = [decision(150, undefined), decision(50, 150), decision(0, 50), decision(-10, 0)];
    const shown = stretches(all, { from: 0, to: 200_000 }).map(({ start, end }) => [start, end]);
    expect(shown).toEqual([[0.75, 1], [0.25, 0.75], [0, 0.25]]); // prettier-ignore
  });

  it('are bands by what they stand for, and marks where they triggered', () => {
    const all = [
      decision(0, 10),
      decision(10, 20, { phase: 'pending', reason: 'holding' }),
      decision(20, 30, { phase: 'alarm', reason: 'triggered', trigger: 'x' }),
      decision(30, undefined, { phase: 'alarm', reason: 'wisdom' }),
      decision(40, 50, { phase: 'unknown', reason: 'missing_data' }),
    ];
    expect(bandsOf(all, 60_000)).toEqual([
      { kind: 'hold', from: 10, to: 20 },
      { kind: 'alarm', from: 20, to: 30 },
      { kind: 'wisdom', from: 30, to: 60 },
      { kind: 'unknown', from: 40, to: 50 },
    ]);
    expect(marksOf(all)).toEqual([20]);
  });
});

describe('a form', () => {
  it.each([
    ['5', 5], ['  5 ', 5], ['', undefined], ['   ', undefined], ['-1.5', -1.5], ['1e3', 1000], ['.5', 0.5],
    ['five', 'five'], ['5 s', '5 s'], ['Infinity', 'Infinity'], ['0x10', 16], ['1,5', '1,5'],
  ])('reads %j as %j', (text, value) => expect(typedNumber(text)).toEqual(value)); // prettier-ignore

  it.each([
    ['oid', 'OID'], ['url', 'URL'], ['authProtocol', 'Auth protocol'], ['topicArn', 'Topic ARN'], ['community', 'Community'],
    ['followRedirects', 'Follow redirects'], ['vmFields', 'VM fields'],
  ])('calls %s %s', (name, label) => expect(words(name)).toBe(label)); // prettier-ignore

  it('leaves units to the hint of a field', () => {
    expect([labelOf('drainSeconds', 's'), labelOf('seconds', 's'), labelOf('retries')]).toEqual([
      'Drain',
      'Seconds',
      'Retries',
    ]);
    expect(['Labels', 'Headers', 'VM fields', 'Template fields'].map(singular)).toEqual([
      'label',
      'header',
      'VM field',
      'template field',
    ]);
  });

  it('changes one member, whatever its name, and leaves the order', () => {
    expect(Object.keys(withMember({ a: 1, b: 2, c: 3 }, 'b', 4))).toEqual(['a', 'b', 'c']);
    expect(withMember({ a: 1, b: 2 }, 'a', undefined)).toEqual({ b: 2 });
    const changed = withMember({}, '__proto__', 'x');
    expect([Object.keys(changed), Object.getPrototypeOf(changed)]).toEqual([['__proto__'], Object.prototype]);
    expect(token('a/b~c')).toBe('a~1b~0c');
  });

  it('tells in which fields two definitions differ, and not by the order of members', () => {
    const before = { name: 'x', metrics: { a: { type: 't', params: { p: 1, q: 2 } } }, actions: ['one'] };
    const after = { metrics: { a: { params: { q: 2, p: 1 }, type: 't' } }, actions: ['two'], mode: 'auto' };
    expect(differences(before, after)).toEqual([
      { name: 'name', before: '"x"', after: '' },
      { name: 'actions', before: '["one"]', after: '["two"]' },
      { name: 'mode', before: '', after: '"auto"' },
    ]);
  });
});

test('filters come back from the URL as they went into it', () => {
  const texts = fc.string({ minLength: 1, unit: 'grapheme' });
  const values = fc.oneof(texts, fc.array(texts, { minLength: 2, maxLength: 4 }));
  const names = fc.constantFrom('search', 'label', 'phase', 'from');
  fc.assert(
    fc.property(fc.dictionary(names, values), (search) => {
      expect(parseSearch(stringifySearch(search))).toEqual({ ...search });
    }),
  );
  expect(stringifySearch({ search: undefined, phase: '', label: [] })).toBe('');
  expect(parseSearch('?label=team%3Dweb&label=a=b')).toEqual({ label: ['team=web', 'a=b'] });
});

describe('silences', () => {
  const silence = (more: Partial<Silence>) => more as Silence;
  const all = silence({ reason: 'all', startsAt: '2026-03-28T22:00:00Z', endsAt: '2026-03-30T00:00:00Z' });
  const nightly = silence({
    reason: 'nightly',
    startsAt: '2026-03-01T00:00:00Z',
    endsAt: '2026-05-01T00:00:00Z',
    schedule: { rrule: 'FREQ=DAILY', timeZone: 'UTC', durationSeconds: 7_200 },
    nextWindows: [
      { from: '2026-03-28T23:00:00Z', to: '2026-03-29T01:00:00Z' },
      { from: '2026-03-29T23:00:00Z', to: '2026-03-30T01:00:00Z' },
    ],
  });

  it('stand on each day that their windows touch, and on no other', () => {
    const days = calendarDays([nightly, all], Date.parse('2026-03-28T12:00:00Z'), 4, 'utc');
    expect(days.map(({ start }) => new Date(start).toISOString().slice(0, 10))).toEqual([
      '2026-03-28',
      '2026-03-29',
      '2026-03-30',
      '2026-03-31',
    ]);
    expect(days.map(({ windows }) => windows.map((one) => one.silence.reason))).toEqual([
      ['all', 'nightly'],
      ['all', 'nightly', 'nightly'],
      ['nightly'],
      [],
    ]);
  });

  it('have a calendar of whole days, one after the other, at any time', () => {
    fc.assert(
      fc.property(fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('2100-01-01') }), (at) => {
        for (const zone of ['utc', 'local'] as const) {
          const days = calendarDays([], at.getTime(), 29, zone);
          expect(days[0]!.start).toBeLessThanOrEqual(at.getTime());
          const lengths = days.slice(1).map(({ start }, index) => (start - days[index]!.start) / 3_600_000);
          expect(lengths.every((hours) => hours >= 22 && hours <= 26)).toBe(true);
        }
      }),
    );
  });

  it.each([
    [{ services: ['a'] }, 'services a'],
    [{ services: ['a', 'b', 'c', 'd', 'e'] }, 'services a, b, c and 2 more'],
    [
      { labels: { team: 'web', tier: '1' }, infrastructures: ['x'] },
      'labels team=web, tier=1; infrastructures x',
    ],
  ])('%j covers: %s', (match, words) => expect(matchWords(match)).toBe(words));
});

it.each([
  [null, 0], ['', 0], ['{', 0], ['{}', 0], ['[1, null, {"name": 1}]', 0], ['[{"name": "a", "search": "?x=1"}, {"name": "b"}]', 1],
])('of the views that are kept as %j, %i are views', (text, count) => expect(viewsOf(text)).toHaveLength(count)); // prettier-ignore
