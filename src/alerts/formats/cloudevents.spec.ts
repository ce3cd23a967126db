import { CloudEvents } from './cloudevents.format';

/** As in the specification. */
const EVENT = {
  specversion: '1.0',
  type: 'com.github.pull_request.opened',
  source: 'https://github.com/cloudevents/spec/pull',
  subject: '123',
  id: 'A234-1234-1234',
  time: '2018-04-05T17:31:00Z',
  comexampleextension1: 'value',
  comexampleothervalue: 5,
  datacontenttype: 'text/xml',
  data: '<much wow="xml"/>',
};
const NOW = new Date('2026-11-22T10:00:00Z');
const cloudEvents = new CloudEvents();
const parse = (body: unknown, headers: Record<string, string> = {}) =>
  cloudEvents.parse(body, {}, { headers });

test('an event has its type, source, subject and extensions as labels', () => {
  expect(parse(EVENT)).toMatchObject([
    {
      alert: {
        status: 'firing',
        labels: {
          type: 'com.github.pull_request.opened',
          source: 'https://github.com/cloudevents/spec/pull',
          subject: '123',
          comexampleextension1: 'value',
          comexampleothervalue: '5',
        },
        at: new Date('2018-04-05T17:31:00Z'),
        lifeSeconds: 300,
        raw: EVENT,
      },
    },
  ]);
});

test('its identity is its source and id', () => {
  const key = (changes: object) => {
    const [parsed] = parse({ ...EVENT, ...changes });
    return parsed?.errors ? undefined : parsed?.alert.dedupKey;
  };
  expect(key({ type: 'other' })).toBe(key({}));
  expect(key({ id: 'other' })).not.toBe(key({}));
  expect(key({ source: 'other' })).not.toBe(key({}));
});

test('it ends at its expiry time, where it has one', () => {
  expect(parse({ ...EVENT, expirytime: '2026-11-22T11:00:00Z' })).toMatchObject([
    { alert: { endsAt: new Date('2026-11-22T11:00:00Z'), lifeSeconds: undefined } },
  ]);
});

test('in binary mode the attributes are headers, percent-encoded', () => {
  const read = (contentType: string, body: string) =>
    cloudEvents.read({
      raw: Buffer.from(body),
      headers: {
        'content-type': contentType,
        'ce-specversion': '1.0',
        'ce-type': 'com.example.someevent',
        'ce-time': '2018-04-05T03:56:24Z',
        'ce-id': '1234-1234-1234',
        'ce-source': '/mycontext/subcontext',
        'ce-subject': 'Euro%20%E2%82%AC %0',
        'ce-note': '%E2%82%AC%00',
      },
      query: {},
      now: NOW,
    });
  expect(parse(read('application/json; charset=utf-8', '{"waiting": 1200}'))).toMatchObject([
    {
      alert: {
        labels: {
          type: 'com.example.someevent',
          source: '/mycontext/subcontext',
          subject: 'Euro%20%E2%82%AC %0',
          note: '€\ufffd',
        },
        raw: { data: { waiting: 1200 }, datacontenttype: 'application/json; charset=utf-8' },
      },
    },
  ]);
  expect(read('text/plain', 'much wow')).toMatchObject({ data: 'much wow' });
  expect(read('text/plain', '')).toMatchObject({ data: undefined });
});

test('of a batch each is read by itself', () => {
  const type = { 'content-type': 'application/cloudevents-batch+json' };
  expect(parse([EVENT, { ...EVENT, id: '' }, 5], type)).toMatchObject([
    { alert: {} },
    { pointer: '/1', errors: [{ pointer: '/id' }] },
    { pointer: '/2', errors: [{ pointer: '' }] },
  ]);
  expect(() => parse(EVENT, type)).toThrow('must be a list of events');
});

test.each([
  [{ specversion: '0.3' }, '/specversion'],
  [{ specversion: undefined }, '/specversion'],
  [{ type: undefined }, '/type'],
  [{ source: 5 }, '/source'],
  [{ time: 'now' }, '/time'],
])('%j is no event', (changes, pointer) => {
  expect(parse({ ...EVENT, ...changes })).toMatchObject([{ errors: [{ pointer }] }]);
});
