import { Matcher } from '../alerts/matcher';
import { bring, matched, oneEach, pushedBy, withMetric, type NewAlert } from './alert-matches';
import type { CompiledService, ServiceSnapshot } from './compiled-service';
import type { ServiceObservation } from './service-observation';

const AT = new Date('2026-01-02T12:00:00Z');

const alert = (id: string, given: Partial<NewAlert> = {}): NewAlert =>
  ({
    id, status: 'firing', value: null, labels: { host: 'db-7' }, annotations: {}, source: 'zabbix', format: 'zabbix', serviceId: null,
    metric: null, revision: 1, at: AT, reportedAt: AT, lastSeenAt: AT, ...given,
  }) as NewAlert; // prettier-ignore

interface Given {
  polled?: boolean;
  wisdomSeconds?: number;
  reads?: object;
  metrics?: object;
}

const snapshot = (id: string, { polled = false, wisdomSeconds = 0, reads = {}, metrics = {} }: Given = {}) =>
  ({
    compiled: { service: { id, polled, wisdomSeconds, metrics }, reads, alertMetrics: [] } as unknown as CompiledService,
    killSwitch: false,
  }) satisfies ServiceSnapshot; // prettier-ignore

const matchesOf = (one: NewAlert, ...services: string[]) => ({
  alert: one,
  matches: services.map((service) => ({ alert: one.id, service, metric: 'down' })),
});

const idsOf = (some: readonly { alert: NewAlert }[]) => some.map(({ alert: { id } }) => id);

test('an alert concerns the service it names, or those whose labels it has', () => {
  const matcher = new Matcher([
    { service: 'db', metric: 'down', match: { host: 'db-7' }, sources: undefined },
    { service: 'web', metric: 'down', match: { host: 'web-1' }, sources: undefined },
  ] as never);
  const named = alert('named', { serviceId: 'other', metric: 'load' });
  expect(matched([alert('a'), named], matcher)).toEqual([
    { alert: alert('a'), matches: [{ alert: 'a', service: 'db', metric: 'down' }] },
    { alert: named, matches: [{ alert: 'named', service: 'other', metric: 'load' }] },
  ]);
});

describe('which alerts are evaluated together', () => {
  const [a, b, end] = [alert('a'), alert('b'), alert('end', { status: 'resolved' })];

  test.each<[string, Given, ReturnType<typeof matchesOf>[], string[], string[]]>([
    ['one a round for a service that triggers once per alert', {}, [matchesOf(a, 's'), matchesOf(b, 's')], ['a'], ['b']],
    ['all for one with a wisdom time', { wisdomSeconds: 60 }, [matchesOf(a, 's'), matchesOf(b, 's')], ['a', 'b'], []],
    ['all for one that is polled', { polled: true }, [matchesOf(a, 's'), matchesOf(b, 's')], ['a', 'b'], []],
    ['all that have ended', {}, [matchesOf(a, 's'), matchesOf(end, 's')], ['a', 'end'], []],
    ['those of different services', {}, [matchesOf(a, 's'), matchesOf(b, 'other')], ['a', 'b'], []],
    ['one that concerns two waits for both', {}, [matchesOf(a, 's'), matchesOf(b, 'other', 's')], ['a'], ['b']],
    ['those that concern nobody', {}, [matchesOf(a), matchesOf(b)], ['a', 'b'], []],
  ])('%s', (_, given, all, now, later) => {
    const split = oneEach(all, [snapshot('s', given), snapshot('other')]);
    expect([idsOf(split.now), idsOf(split.later)]).toEqual([now, later]);
  }); // prettier-ignore
});

describe('readings that alerts carry', () => {
  const polled = { polled: true, reads: { down: {} }, metrics: { down: { acceptsPushed: true } } };

  test.each<[string, Given, Partial<NewAlert>, object | undefined]>([
    ['the number of an alert', polled, { value: 7 }, { value: 7 }],
    ['1 where it fires without one', polled, {}, { value: 1 }],
    ['0 where it has ended', polled, { status: 'resolved' }, { value: 0 }],
    ['none for a metric that takes none', { ...polled, metrics: { down: {} } }, { value: 7 }, undefined],
    ['none for a metric that alerts alone feed', { ...polled, reads: {} }, { value: 7 }, undefined],
    ['none for a metric named like a property of all objects', { polled: true, reads: {}, metrics: {} }, { metric: 'constructor' }, undefined],
  ])('%s', (_, given, told, wanted) => {
    const one = alert('a', told);
    const metric = one.metric ?? 'down';
    const { readings, senders } = pushedBy([one], [{ alert: 'a', service: 's', metric }], [snapshot('s', given)]);
    expect(readings.get('s')?.[metric]).toEqual(wanted && expect.objectContaining(wanted));
    expect(senders.get('s')?.map((sender) => sender.alert)).toEqual(wanted && ['a']);
  }); // prettier-ignore
});

describe('what alerts bring to observations', () => {
  const seen = (id: string, given: Given = {}): ServiceObservation => ({
    snapshot: snapshot(id, given),
    at: AT,
    values: {},
    errors: {},
    alerts: ['earlier'],
  });

  test.each<[string, Given, Partial<NewAlert>, Partial<ServiceObservation>]>([
    ['news', { polled: true }, {}, { news: true }],
    ['the alert it is about, where one triggers each', {}, {}, { news: true, newcomer: expect.objectContaining({ alert: 'a' }) as never }],
    ['no news where it has ended', {}, { status: 'resolved' }, { news: false }],
  ])('%s', (_, given, told, wanted) => {
    const observation = seen('s', given);
    bring([observation], [alert('a', told)], [{ alert: 'a', service: 's', metric: 'down' }], new Map());
    expect(observation).toMatchObject(wanted);
    expect(observation.newcomer === undefined).toBe(wanted.newcomer === undefined);
  }); // prettier-ignore

  test('those that carried a reading feed it too, once each', () => {
    const observation = seen('s', { polled: true });
    const { labels, annotations, source, at } = alert('a');
    const sender = { alert: 'earlier', labels, annotations, value: 3, source, at };
    bring([observation], [], [], new Map([['s', [sender]]]));
    expect(observation).toMatchObject({ alerts: ['earlier'], toldTotal: 1, told: [{ value: 3, source: 'zabbix' }] });
  }); // prettier-ignore

  test('nothing to a service that none of them concerns', () => {
    const observation = seen('other');
    bring([observation], [alert('a')], [{ alert: 'a', service: 's', metric: 'down' }], new Map());
    expect(observation).toEqual({ ...seen('other'), news: false });
  });
});

test('a match has the life and the path of its metric, where alerts alone feed it', () => {
  const compiled = {
    alertMetrics: [{ service: 's', metric: 'down', ttlSeconds: 60, valuePath: '$.load' }],
  } as unknown as CompiledService;
  const match = { alert: 'a', service: 's', metric: 'down' };
  const services = new Map([['s', compiled]]);
  expect(withMetric(match, services)).toEqual({ ...match, ttlSeconds: 60, valuePath: '$.load' });
  expect(withMetric({ ...match, metric: 'load' }, services)).toEqual({ ...match, metric: 'load' });
});
