import { Native } from './native.format';

const native = new Native();
const parse = (body: unknown) => [...native.parse(body)];

test.each([
  [{ labels: {} }],
  [{}],
  [{ value: 5, status: 'firing' }],
  [{ labels: { alertname: '' } }],
  [{ annotations: { summary: 'down' }, dedupKey: 'k' }],
  [{ labels: null }],
])('%j could match nothing', (body) => {
  expect(parse(body)).toMatchObject([
    { errors: [{ pointer: '/labels', detail: expect.stringMatching(/it could match nothing$/) }] },
  ]);
  expect(parse([{ labels: { a: 'b' } }, body])).toMatchObject([
    { alert: {} },
    { pointer: '/1', errors: [{}] },
  ]);
});

test('an end needs nothing but the key', () => {
  expect(parse({ status: 'resolved', dedupKey: 'k' })).toMatchObject([
    { alert: { status: 'resolved', dedupKey: 'k', labels: {} } },
  ]);
  expect(parse({ status: 'resolved' })).toMatchObject([{ errors: [{ pointer: '/labels' }] }]);
});

test('one that names a service needs no labels', () => {
  expect(parse({ service: 'web', value: 5 })).toMatchObject([
    { alert: { service: 'web', value: 5, labels: {} } },
  ]);
});

test('an empty label is an absent one', () => {
  const key = (labels: object) => parse({ labels })[0]?.alert?.dedupKey;
  expect(key({ a: '1', team: '' })).toBe(key({ a: '1' }));
  expect(key({ b: '2', a: '1' })).toBe(key({ a: '1', b: '2' }));
  expect(key({ a: '1', team: ' ' })).not.toBe(key({ a: '1' }));
  expect(parse({ labels: { a: '1', team: '' } })).toMatchObject([{ alert: { labels: { a: '1' } } }]);
});

test.each(['85.13 %', '1,5', '5', '1.23 GB', '', true, [5], '1e400'])(
  'the value %j is no number',
  (value) => {
    expect(parse({ labels: { a: 'b' }, value })).toMatchObject([{ errors: [{ pointer: '/value' }] }]);
  },
);

test.each([
  ['firing', '2026-11-22T10:00:00Z'],
  ['resolved', '2026-11-22t10:00:00z'],
])('%s at a moment counts as said then', (status, at) => {
  const moment = new Date('2026-11-22T10:00:00Z');
  expect(parse({ labels: { a: 'b' }, status, at })).toMatchObject([
    { alert: { at: moment, saidAt: moment } },
  ]);
});
