import fc from 'fast-check';
import type { IncomingAlert } from './alert';
import { mergeAlerts, stepFor, textsOf, type KeptAlert } from './dedup';
import { Alertmanager } from './formats/alertmanager.format';
import { Icinga } from './formats/icinga.format';
import { isOvertaken, saidAtOf, TOLERANCE_MS } from './report-order';

const NOW = Date.parse('2026-11-22T10:00:00Z');
const at = (second: number) => new Date(NOW + second * 1000);
let ids = 0;
const newId = () => `id-${++ids}`;

const report = (status: 'firing' | 'resolved', second: number, more: Partial<IncomingAlert> = {}) =>
  ({
    dedupKey: 'k',
    status,
    labels: { alertname: 'WebDown' },
    annotations: { said: `${status} ${second}` },
    at: at(second),
    saidAt: at(second),
    ...more,
  }) satisfies IncomingAlert;
const firing = (second: number, more?: Partial<IncomingAlert>) => report('firing', second, more);
const resolved = (second: number, more?: Partial<IncomingAlert>) => report('resolved', second, more);

/** Takes requests in, one after the other, a second between them; answers what is kept as the current alert. */
function end(...requests: IncomingAlert[][]): KeptAlert | undefined {
  let current: KeptAlert | undefined;
  requests.forEach((alerts, second) => {
    const { inserted, updated } = mergeAlerts(current ? [current] : [], alerts, at(second), newId);
    current = [...inserted, ...updated].find(({ isCurrent }) => isCurrent) ?? current;
  });
  return current;
}
const oneByOne = (...alerts: IncomingAlert[]) => end(...alerts.map((alert) => [alert]));

describe('a report of an earlier time changes nothing', () => {
  test.each([
    ['an end of an earlier alert', [firing(-600), resolved(-600), firing(-20), resolved(-600)], 'firing -20'],
    ['a beginning after its end', [firing(-600), resolved(-600), firing(-600)], 'resolved -600'],
    ['a beginning before the end of another', [resolved(-20), firing(-600)], 'resolved -20'],
    ['an older beginning', [firing(-20), firing(-600)], 'firing -20'],
    ['an older end', [firing(-20), resolved(-10), resolved(-600)], 'resolved -10'],
    [
      'the end first, then all before it',
      [resolved(-20), firing(-600), resolved(-600), firing(-20)],
      'resolved -20',
    ],
  ])('%s', (_, reports, last) => {
    expect(oneByOne(...reports)!.annotations.said).toBe(last);
  });

  test('it is told apart, and what is kept is left alone', () => {
    const late = resolved(-600);
    const kept = oneByOne(firing(-20))!;
    const { updated, inserted, accepted, overtaken } = mergeAlerts([kept], [late], at(9), newId);
    expect([updated, inserted]).toEqual([[], []]);
    expect(accepted).toMatchObject([{ id: kept.id, status: 'firing', lastSeenAt: at(0) }]);
    expect([...overtaken]).toEqual([late]);
  });
});

test('of one moment the end comes last, whatever came first', () => {
  expect(oneByOne(firing(-60), resolved(-60))!.status).toBe('resolved');
  expect(oneByOne(resolved(-60), firing(-60))!.status).toBe('resolved');
});

test('without times reports count as they are received', () => {
  const untimed = { saidAt: undefined, at: undefined };
  const reports = [firing(0, untimed), resolved(0, untimed), firing(0, untimed)];
  expect(oneByOne(...reports)!.status).toBe('firing');
  expect(oneByOne(...reports, resolved(0, untimed))!.status).toBe('resolved');
});

test('an end without a time ends what is there; a beginning of before it is overtaken all the same', () => {
  const bare = resolved(0, { saidAt: undefined });
  expect(oneByOne(firing(-600), bare)!.status).toBe('resolved');
  expect(oneByOne(firing(-600), bare, firing(-600))!.status).toBe('resolved');
  expect(oneByOne(firing(-600), bare, firing(-30))!.status).toBe('firing');
});

test('an old end does not end what began just now without a time', () => {
  expect(oneByOne(firing(0, { saidAt: undefined }), resolved(-3_600))!.status).toBe('firing');
});

describe('a clock that is ahead', () => {
  test('by up to five minutes is believed', () => {
    expect(saidAtOf(firing(300), NOW)).toBe(NOW + TOLERANCE_MS);
    expect(oneByOne(firing(200), resolved(100))!.status).toBe('firing');
  });

  test('by more counts as now: what comes later is not masked', () => {
    expect(saidAtOf(firing(301), NOW)).toBe(NOW);
    expect(oneByOne(firing(86_400), resolved(10))!.status).toBe('resolved');
    expect(oneByOne(resolved(1e9), firing(30))!.status).toBe('firing');
  });
});

describe('where only its start is said', () => {
  const start = { saysStartAlone: true };

  test('an alert that was taken for over fires on, when it is said long after', () => {
    const kept = oneByOne(firing(-600, start), resolved(-600, start))!;
    const again = (second: number) => mergeAlerts([kept], [firing(-600, start)], at(second), newId).inserted;
    expect(again(299)).toEqual([]);
    expect(again(302)).toMatchObject([{ status: 'firing' }]);
    const strict = mergeAlerts([kept], [firing(-600)], at(302), newId);
    expect(strict.inserted).toEqual([]);
  });

  test('several senders of one alert say different starts: all of them keep it alive', () => {
    const sender = { saysStartAlone: true, isRepeated: true };
    expect(
      isOvertaken(firing(-30, sender), { status: 'firing', reportedAt: NOW, lastSeenAt: NOW }, NOW),
    ).toBe(false);
    expect(oneByOne(firing(-20, sender), firing(-30, sender))).toMatchObject({
      lastSeenAt: at(1),
      at: at(-20),
    });
    expect(oneByOne(firing(-20, sender), resolved(-30, sender))!.status).toBe('firing');
  });
});

test('a digest sends what is later, and what is overtaken, the long way', () => {
  const alert = firing(-60, { isRepeated: true });
  const digest = {
    id: 'i',
    status: 'firing' as const,
    at: NOW - 60_000,
    reportedAt: NOW - 60_000,
    endsAt: null,
    lifeSeconds: null,
    lastSeenAt: NOW - 5_000,
    content: textsOf(alert).content,
  };
  expect(stepFor(digest, alert, NOW)).toBe('touch');
  expect(stepFor({ ...digest, reportedAt: NOW - 61_000 }, alert, NOW)).toBe('merge');
  expect(stepFor({ ...digest, reportedAt: NOW - 59_000 }, alert, NOW)).toBe('merge');
});

/** Reports of one alert as its format reads them, each moment and status once. */
const histories: Record<string, (second: number, status: 'firing' | 'resolved') => IncomingAlert> = {
  'by their own time': (second, status) => report(status, second, { isRepeated: true }),
  'by their start': (second, status) => report(status, second, { saysStartAlone: true }),
  'of Alertmanager': (second, status) => {
    const alert = {
      status,
      labels: { alertname: 'WebDown' },
      annotations: { said: `${status} ${second}` },
      startsAt: at(second).toISOString(),
      endsAt: status === 'firing' ? '0001-01-01T00:00:00Z' : at(second + 7).toISOString(),
      fingerprint: 'k',
    };
    const [parsed] = new Alertmanager().parse({ version: '4', alerts: [alert] }, {}, { now: at(0) });
    return parsed!.alert!;
  },
  'of Icinga': (second, status) => {
    const [parsed] = new Icinga().parse({
      host: 'k',
      exit_status: status === 'firing' ? 1 : 0,
      plugin_output: `${status} ${second}`,
      execution_end: at(second).getTime() / 1000,
    });
    return parsed!.alert!;
  },
};

describe.each(Object.entries(histories))('reports %s', (_, reportOf) => {
  /** Some reports, in two orders, with some of them twice and cut into requests anywhere. */
  const arrivals = fc
    .uniqueArray(
      fc.tuple(fc.integer({ min: -3_600, max: -1 }), fc.constantFrom('firing' as const, 'resolved' as const)),
      {
        minLength: 1,
        maxLength: 8,
        selector: ([second, status]) => `${second} ${status}`,
      },
    )
    .chain((reports) => {
      const order = fc
        .tuple(fc.shuffledSubarray(reports, { minLength: reports.length }), fc.subarray(reports))
        .chain(([all, twice]) =>
          fc.shuffledSubarray([...all, ...twice], { minLength: all.length + twice.length }),
        );
      const cuts = fc.array(fc.boolean(), { minLength: 16, maxLength: 16 });
      return fc.tuple(order, cuts, order, cuts);
    });

  const requestsOf = (reports: [number, 'firing' | 'resolved'][], cuts: boolean[]): IncomingAlert[][] => {
    const requests: IncomingAlert[][] = [[]];
    reports.forEach(([second, status], index) => {
      if (cuts[index]) requests.push([]);
      requests.at(-1)!.push(reportOf(second, status));
    });
    return requests;
  };

  test('come to the same end in any order, twice, together or apart', () => {
    fc.assert(
      fc.property(arrivals, ([one, oneCuts, other, otherCuts]) => {
        const ends = [requestsOf(one, oneCuts), requestsOf(other, otherCuts)].map((requests) => {
          const { status, value, labels, annotations, reportedAt } = end(...requests)!;
          return { status, value, labels, annotations, reportedAt };
        });
        expect(ends[0]).toEqual(ends[1]);
      }),
      { numRuns: 500, seed: 20_261_122 },
    );
  });
});
