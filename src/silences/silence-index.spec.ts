import fc from 'fast-check';
import type { Silence } from './silence';
import { covers, SilenceIndex, type Silenceable } from './silence-index';

const NOW = 1_800_000_000_000;

function silence(given: Partial<Silence> & Pick<Silence, 'id' | 'match'>): Silence {
  return {
    version: 1,
    createdAt: new Date(NOW),
    updatedAt: new Date(NOW),
    owner: 'anna',
    scopes: null,
    mutes: 'actions',
    startsAt: new Date(NOW - 60_000),
    endsAt: new Date(NOW + 60_000),
    schedule: null,
    reason: 'patching',
    endWhenOkSeconds: null,
    onEnd: 'act',
    endedAt: null,
    endedBy: null,
    cutAt: null,
    ...given,
  };
}
const service = (given: Partial<Silenceable>): Silenceable => ({
  id: 'a',
  labels: {},
  infrastructureId: null,
  ...given,
});
const idsOf = (index: SilenceIndex, of: Silenceable, now = NOW, endedAfter = now): string[] =>
  (index.of(of, now, endedAfter) ?? []).map(({ id }) => id);

// Names that a property of every object has are labels as any other.
const word = fc.constantFrom('env', 'team', 'constructor', '__proto__');
const value = fc.constantFrom('', 'prod', 'web', '"]');
const labels = fc.dictionary(word, value, { maxKeys: 3 });
const ids = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'env'), { minLength: 1, maxLength: 3 });

test('the index finds what covers a service, as asking each silence does', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          match: fc
            .record(
              { services: ids, labels, infrastructures: ids },
              { requiredKeys: [], noNullPrototype: true },
            )
            .filter(({ labels: asked, ...named }) => Object.keys(asked ?? named).length > 0),
          scopes: fc.option(fc.array(labels, { minLength: 1, maxLength: 2 })),
        }),
        { maxLength: 12 },
      ),
      fc.array(fc.record({ id: fc.constantFrom('a', 'b', 'd'), labels, infrastructureId: fc.constantFrom(null, 'a', 'c') })), // prettier-ignore
      (given, services) => {
        const silences = given.map((one, index) => silence({ id: String(index), ...one }));
        const index = new SilenceIndex(silences);
        for (const one of services) {
          const found = silences.filter((known) => covers(known, one)).map(({ id }) => id);
          expect(idsOf(index, one).sort()).toEqual(found.sort());
          // Asked again it says the same.
          expect(idsOf(index, one).sort()).toEqual(found);
        }
      },
    ),
  );
});

test('a window counts from its first moment up to its last, without it', () => {
  const index = new SilenceIndex([silence({ id: 'one', match: { services: ['a'] } })]);
  const at = (seconds: number) => idsOf(index, service({}), NOW + seconds * 1000);
  expect([at(-60.001), at(-60), at(59.999), at(60)]).toEqual([[], ['one'], ['one'], []]);
  expect(idsOf(index, service({}), NOW + 3_600_000, NOW + 59_999)).toEqual(['one']);
  expect(idsOf(index, service({}), NOW + 3_600_000, NOW + 60_000)).toEqual([]);
});

test.each<[string, Partial<Silence>]>([
  ['ended before it began', { startsAt: new Date(NOW - 5), endedAt: new Date(NOW - 9) }],
  ['was cut at its beginning', { cutAt: new Date(NOW - 59_999), startsAt: new Date(NOW - 60_000) }],
  [
    'of another zone table',
    { schedule: { rrule: 'FREQ=DAILY', timeZone: 'Mars/Olympus', durationSeconds: 9 } },
  ],
  ['of another release', { schedule: { rrule: 'FREQ=SECONDLY', timeZone: 'UTC', durationSeconds: 9 } }],
])('one that %s mutes nothing, and the others do', (_, given) => {
  const match = { services: ['a'] };
  const index = new SilenceIndex([
    silence({ id: 'wrong', match, ...given }),
    silence({ id: 'right', match }),
  ]);
  expect(idsOf(index, service({}))).toEqual(['right']);
  expect(index.broken).toEqual(given.schedule ? ['wrong'] : []);
});

describe('many silences', () => {
  const everywhere = Array.from({ length: 1_000 }, (_, index) =>
    silence({ id: String(index), match: { labels: { env: 'prod', team: `team-${index}` } } }),
  );
  const services = Array.from({ length: 30_000 }, (_, index) =>
    service({
      id: String(index),
      labels: { env: 'prod', team: `team-${index % 2_000}`, host: `host-${index}` },
    }),
  );

  test('with a label that every service has are not asked one by one: it is the other by which they are found', () => {
    const index = new SilenceIndex(everywhere);
    const began = process.cpuUsage();
    const found = services.reduce((sum, one) => sum + idsOf(index, one).length, 0);
    const { user } = process.cpuUsage(began);
    expect(found).toBe(15_000);
    // Thirty million questions take many seconds.
    expect(user / 1e6).toBeLessThan(2);
  });

  test('that all cover the same services keep one list of them', () => {
    const same = everywhere.map((one) => ({ ...one, match: { labels: { env: 'prod' } } }));
    const index = new SilenceIndex(same);
    expect(idsOf(index, services[0]!)).toHaveLength(1_000);
    // Each service asks, and none is told another list.
    const before = process.memoryUsage().heapUsed;
    for (const one of services.slice(0, 20_000)) index.of(one, NOW - 100_000, NOW - 100_000);
    expect((process.memoryUsage().heapUsed - before) / 1e6).toBeLessThan(100);
  });

  test('of which one has changed are not read again', () => {
    const schedule = { rrule: 'FREQ=DAILY;COUNT=1000', timeZone: 'Europe/Madrid', durationSeconds: 60 };
    const counting = everywhere.map((one) => ({ ...one, schedule }));
    const first = new SilenceIndex(counting);
    const began = process.cpuUsage();
    for (let change = 2; change < 12; change++)
      new SilenceIndex(
        [{ ...counting[0]!, version: change, reason: 'changed' }, ...counting.slice(1)],
        first,
      );
    expect(process.cpuUsage(began).user / 1e6).toBeLessThan(2);
    const changed = new SilenceIndex(
      [silence({ id: '0', version: 2, match: { services: ['a'] } }), ...counting.slice(1)],
      first,
    );
    expect(changed.of(service({}), NOW, NOW)).toHaveLength(1);
  });
});
