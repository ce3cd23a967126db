import fc from 'fast-check';
import type { IncomingAlert } from './alert';
import { contentOf, mergeAlerts, textsOf, type KeptAlert } from './dedup';

const at = (second: number) => new Date(second * 1000);
let ids = 0;
const newId = () => `id-${++ids}`;

const firing = (more: Partial<IncomingAlert> = {}): IncomingAlert => ({
  dedupKey: 'k',
  status: 'firing',
  labels: { alertname: 'WebDown' },
  annotations: {},
  ...more,
});
const resolved = (more: Partial<IncomingAlert> = {}) => firing({ status: 'resolved', ...more });

/** Takes messages in one after the other, each at its second; answers what is kept, oldest first. */
function take(...messages: [second: number, alert: IncomingAlert][]): KeptAlert[] {
  const kept = new Map<string, KeptAlert>();
  for (const [second, alert] of messages) {
    const current = [...kept.values()].filter(({ isCurrent }) => isCurrent);
    const { inserted, updated } = mergeAlerts(current, [alert], at(second), newId);
    for (const one of [...inserted, ...updated]) kept.set(one.id, one);
  }
  return [...kept.values()];
}

test('the same alert again changes nothing but its last-seen', () => {
  const [only, ...others] = take([0, firing()], [10, firing()], [20, firing()]);
  expect(others).toEqual([]);
  expect(only).toMatchObject({ revision: 1, receivedAt: at(0), lastSeenAt: at(20), at: at(0) });
});

test('what it says is kept as it was sent, in whatever order the store had it', () => {
  const labels = { severity: 'page', alertname: 'WebDown' };
  const [kept] = take([0, firing({ labels: { alertname: 'WebDown', severity: 'page' } })]);
  const { updated } = mergeAlerts([kept!], [firing({ labels })], at(10), newId);
  expect(updated).toMatchObject([{ revision: 1 }]);
  expect(textsOf(updated[0]!).content).toBe(textsOf(firing({ labels })).content);
});

test('another value is news of the same alert', () => {
  expect(take([0, firing({ value: 1 })], [10, firing({ value: 2 })])).toMatchObject([
    { value: 2, revision: 2 },
  ]);
});

test('a service that was made anew under the name hears what fires as a new alert', () => {
  const to = (serviceId: string) => firing({ serviceId, metric: 'm', value: 5 });
  expect(take([0, to('old')], [10, to('old')], [20, to('new')], [30, to('new')])).toMatchObject([
    { serviceId: 'old', revision: 1, isCurrent: false, lastSeenAt: at(20 - 10) },
    { serviceId: 'new', revision: 1, isCurrent: true, lastSeenAt: at(30) },
  ]);
  expect(textsOf(to('old')).content).not.toBe(textsOf(to('new')).content);
  // An end by its key alone names nobody.
  expect(take([0, to('old')], [10, resolved({ labels: {} })])).toMatchObject([
    { serviceId: 'old', status: 'resolved', revision: 2 },
  ]);
});

test('resolved ends it; firing again is a new alert', () => {
  expect(take([0, firing()], [10, resolved()], [20, firing()])).toMatchObject([
    { status: 'resolved', revision: 2, isCurrent: false },
    { status: 'firing', revision: 1, at: at(20), isCurrent: true },
  ]);
});

test('resolved again changes nothing', () => {
  expect(take([0, firing()], [10, resolved()], [20, resolved()])).toMatchObject([
    { status: 'resolved', revision: 2 },
  ]);
});

test('resolved without anything before it is kept', () => {
  expect(take([0, resolved()])).toMatchObject([{ status: 'resolved', revision: 1 }]);
});

test('another start is a new alert', () => {
  expect(take([0, firing({ at: at(0) })], [10, firing({ at: at(5) })])).toMatchObject([
    { isCurrent: false },
    { isCurrent: true, at: at(5) },
  ]);
});

test('one whose life has ended and that gives no start is a new alert', () => {
  expect(take([0, firing({ lifeSeconds: 30 })], [40, firing({ lifeSeconds: 30 })])).toHaveLength(2);
});

test('one that ended by itself and is seen again with the same start is news', () => {
  const message = (endsAt: number) => firing({ at: at(0), endsAt: at(endsAt) });
  expect(take([0, message(30)], [40, message(70)])).toMatchObject([{ revision: 2, endsAt: at(70) }]);
});

test('a batch is taken in its order', () => {
  const { inserted, accepted } = mergeAlerts([], [firing(), resolved(), firing()], at(0), newId);
  expect(inserted).toMatchObject([{ status: 'resolved' }, { status: 'firing', isCurrent: true }]);
  expect(accepted.map((one) => one?.id)).toEqual([inserted[0]!.id, inserted[0]!.id, inserted[1]!.id]);
});

describe('what its sender repeats while it fires', () => {
  const repeated = (start: number, more: Partial<IncomingAlert> = {}) =>
    firing({ at: at(start), isRepeated: true, ...more });

  test('is the same alert whatever start it says, as long as it lives', () => {
    expect(
      take([0, repeated(0, { endsAt: at(60) })], [30, repeated(25, { endsAt: at(90) })], [80, repeated(79)]),
    ).toMatchObject([{ at: at(0), revision: 1, endsAt: at(90), lastSeenAt: at(80) }]);
  });

  test('is another alert when the one before has ended', () => {
    expect(take([0, repeated(0, { endsAt: at(60) })], [61, repeated(0)])).toHaveLength(2);
    expect(
      take([0, repeated(0)], [10, repeated(0, { status: 'resolved' })], [20, repeated(20)]),
    ).toHaveLength(2);
  });

  test('is over once, however often it is said to be', () => {
    const over = repeated(0, { status: 'resolved', endsAt: at(10) });
    expect(take([0, repeated(0)], [10, over], [20, over])).toMatchObject([
      { status: 'resolved', revision: 2 },
    ]);
  });
});

test('a resolution that names nothing but the key leaves the labels as they were', () => {
  expect(take([0, firing()], [10, resolved({ labels: {} })])).toMatchObject([
    { status: 'resolved', labels: { alertname: 'WebDown' }, revision: 2 },
  ]);
});

test('the newest texts and its newest form are kept, and are no news', () => {
  const messages: IncomingAlert[] = [
    firing({ annotations: { value: '1' }, raw: { value: 1 } }),
    firing({ annotations: { value: '2' }, raw: { value: 2 } }),
  ];
  expect(take([0, messages[0]!], [10, messages[1]!])).toMatchObject([
    { annotations: { value: '2' }, raw: { value: 2 }, revision: 1 },
  ]);
});

test('an event that has its id is an alert of its own, however fast others follow', () => {
  const event = (id: string) => firing({ id, at: at(5) });
  const { inserted } = mergeAlerts([], [event('a'), event('b'), event('c')], at(5), newId);
  expect(inserted.map(({ id, isCurrent }) => [id, isCurrent])).toEqual([
    ['a', false],
    ['b', false],
    ['c', true],
  ]);
});

test('an end ends what fires, and is nothing by itself', () => {
  const end = firing({ status: 'resolved', isEnd: true, labels: {} });
  expect(take([0, end])).toEqual([]);
  expect(take([0, firing()], [10, end], [20, end])).toMatchObject([
    { status: 'resolved', endsAt: at(10), revision: 2, labels: { alertname: 'WebDown' } },
  ]);
});

test('an end that is told again does not end what began since', () => {
  const end = (second: number) => firing({ status: 'resolved', isEnd: true, labels: {}, at: at(second) });
  expect(take([20, firing({ at: at(20) })], [30, end(10)], [40, end(35)])).toMatchObject([
    { status: 'resolved', endsAt: at(40), revision: 2 },
  ]);
});

test('the content that is compared is the one that is written, whatever an alert says', () => {
  const texts = fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }));
  const some = <T>(value: fc.Arbitrary<T>) => fc.option(fc.option(value, { nil: null }), { nil: undefined });
  const said = fc.record({
    labels: texts,
    annotations: texts,
    value: some(fc.double()),
    raw: some(fc.jsonValue()),
    serviceId: some(fc.uuid()),
  });
  fc.assert(fc.property(said, (alert) => contentOf(alert) === textsOf(alert).content));
});
