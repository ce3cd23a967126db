import { numberAt } from '../../common/json-path';
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
const parse = (body: unknown, headers: Record<string, string> = {}) => [
  ...cloudEvents.parse(body, {}, { headers }),
];

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
    return parsed?.alert?.dedupKey;
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

test('in binary mode the attributes are headers, percent-encoded', async () => {
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
  expect(parse(await read('application/json; charset=utf-8', '{"waiting": 1200}'))).toMatchObject([
    {
      alert: {
        labels: {
          type: 'com.example.someevent',
          source: '/mycontext/subcontext',
          subject: 'Euro € %0',
          note: '€\ufffd',
        },
        raw: { data: { waiting: 1200 }, datacontenttype: 'application/json; charset=utf-8' },
      },
    },
  ]);
  expect(await read('text/plain', 'much wow')).toMatchObject({ data: 'much wow' });
  expect(await read('text/plain', '')).not.toHaveProperty('data');
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

describe('by the letter of the HTTP binding', () => {
  const HEADERS = {
    'content-type': 'application/json',
    'ce-specversion': '1.0',
    'ce-id': '4',
    'ce-source': '/shop',
    'ce-type': 'com.example.queue.full',
  };
  const read = (body: string | Buffer, headers: Record<string, string>) =>
    cloudEvents.read({ raw: Buffer.from(body), headers, query: {}, now: NOW });
  const readBinary = (headers: Record<string, string>, body: string | Buffer = '{"waiting": 1004}') =>
    read(body, { ...HEADERS, ...headers });

  test.each([
    ['"com.example.full"', 'com.example.full'],
    ['"say \\"hi\\" and \\\\"', 'say "hi" and \\'],
    ['"a%20b"', 'a b'],
    ['""', ''],
    ['a%20b%22c%25d', 'a b"c%d'],
    ['a%2520b', 'a%20b'],
    ['%E2%82%AC', '€'],
    ['%e2%82%ac and \u00e2\u0082\u00ac', '€ and €'],
    ['%F0%9F%98%80', '😀'],
    ['100% sure, 5%x', '100% sure, 5%x'],
    ['a "quoted" word', 'a "quoted" word'],
    ['"open', '"open'],
  ])('the header %s is %j', async (header, text) => {
    expect(await readBinary({ 'ce-subject': header })).toMatchObject({
      subject: text,
      data: { waiting: 1004 },
    });
  });

  test('every header may be quoted', async () => {
    const quoted = { 'ce-specversion': '"1.0"', 'ce-id': '"4"', 'ce-source': '"/shop"', 'ce-type': '"t"' };
    expect(parse(await readBinary(quoted))).toMatchObject([
      { alert: { labels: { type: 't', source: '/shop' }, raw: { specversion: '1.0', id: '4' } } },
    ]);
  });

  test.each(['a%ffb', '%C0%A0', '%E2%82', '%ED%A0%80', '\u00e9', '"%FF"'])(
    'the header %j is refused',
    async (header) => {
      await expect(readBinary({ 'ce-subject': header })).rejects.toThrow(
        'header ce-subject must be percent-encoded UTF-8',
      );
    },
  );

  test.each([
    'application/cloudevents+json',
    'Application/CloudEvents+JSON; charset=UTF-8',
    'application/cloudevents+json;charset=utf-8',
  ])('%s is the structured mode, whatever headers a proxy has left', async (type) => {
    const left = { ...HEADERS, 'ce-subject': '%ff', 'content-type': type };
    expect(await read(JSON.stringify({ ...EVENT, data: { waiting: 6 } }), left)).toMatchObject({
      id: EVENT.id,
      data: { waiting: 6 },
    });
    expect(cloudEvents.looksLike(undefined, { headers: left })).toBe(true);
  });

  test('so is a batch', async () => {
    const headers = { ...HEADERS, 'content-type': 'application/CloudEvents-Batch+json; charset=utf-8' };
    expect(parse(await read(JSON.stringify([EVENT, EVENT]), headers), headers)).toMatchObject([
      { alert: {} },
      { alert: {} },
    ]);
    const one = await read(JSON.stringify(EVENT), headers);
    expect(() => parse(one, headers)).toThrow('must be a list of events');
  });

  test.each(['application/cloudevents+xml', 'application/cloudevents+avro', 'application/cloudevents'])(
    '%s is refused with a word',
    async (type) => {
      await expect(read('<event/>', { 'content-type': type })).rejects.toThrow(
        /is application\/cloudevents.*send/,
      );
    },
  );

  test.each([
    ['application/json', { datacontenttype: 'application/json' }],
    ['a type with +json', { datacontenttype: 'application/problem+json; charset=utf-8' }],
    ['capitals', { datacontenttype: 'Application/JSON' }],
    ['no type', {}],
    ['another type', { datacontenttype: 'text/plain' }],
  ])('JSON in data_base64 with %s is found as data', (_, changes) => {
    const { data: _data, datacontenttype: _type, ...rest } = EVENT;
    const event = { ...rest, ...changes, data_base64: Buffer.from('{"waiting": 1002}').toString('base64') };
    const [parsed] = parse(event);
    expect(numberAt('$.data.waiting', parsed!.alert!.raw)).toBe(1002);
    expect(parsed!.alert!.labels).not.toHaveProperty('data_base64');
  });

  test('other data in base64 is a text where it is one, and stays as it is else', async () => {
    const { data: _, ...rest } = EVENT;
    const raw = (bytes: Buffer) => parse({ ...rest, data_base64: bytes.toString('base64') })[0]!.alert!.raw;
    expect(raw(Buffer.from('<wow/>'))).toMatchObject({ data: '<wow/>' });
    expect(raw(Buffer.from([0xff, 0xfe, 0]))).toMatchObject({ data_base64: '//4A' });
    expect(await readBinary({ 'content-type': 'image/png' }, Buffer.from([0xff, 0xd8]))).toMatchObject({
      data_base64: '/9g=',
    });
  });

  test.each([
    [{ data_base64: 'no base64!' }, 'must be base64'],
    [{ data_base64: 5 }, 'must be base64'],
    [{ data_base64: 'e30=', data: {} }, 'must not be there beside data'],
    [{ data_base64: 'e30', datacontenttype: 'application/json', data: null }, undefined],
    [
      { data_base64: Buffer.from('{"waiting": ').toString('base64'), datacontenttype: 'application/json' },
      'is no JSON',
    ],
  ])('%j', (changes, detail) => {
    const { data: _, ...rest } = EVENT;
    const [parsed] = parse({ ...rest, ...changes });
    if (detail === undefined) expect(parsed?.alert?.raw).toMatchObject({ data: {} });
    else
      expect(parsed?.errors).toMatchObject([
        { pointer: '/data_base64', detail: expect.stringContaining(detail) },
      ]);
  });

  test('data that says it is JSON must be, in binary mode too', async () => {
    await expect(readBinary({}, '{"waiting": ')).rejects.toThrow(
      'is no JSON, though its type is application/json',
    );
    await expect(readBinary({ 'content-type': 'application/problem+json' }, 'x')).rejects.toThrow(
      'is no JSON',
    );
    expect(await readBinary({ 'content-type': 'application/vnd.thing+json' })).toMatchObject({
      data: { waiting: 1004 },
    });
  });

  test.each([
    ['2018-04-05t17:31:00z', '2018-04-05T17:31:00.000Z'],
    ['2018-04-05t17:31:00.123456789z', '2018-04-05T17:31:00.123Z'],
    ['2018-04-05T19:31:00+02:00', '2018-04-05T17:31:00.000Z'],
    ['2018-04-05 17:31:00Z', '2018-04-05T17:31:00.000Z'],
    ['2016-12-31T23:59:60Z', '2016-12-31T23:59:59.000Z'],
    ['2016-12-31t23:59:60.5z', '2016-12-31T23:59:59.500Z'],
  ])('the time %s is %s, and orders what is said', (time, moment) => {
    expect(parse({ ...EVENT, time })).toMatchObject([
      { alert: { at: new Date(moment), saidAt: new Date(moment) } },
    ]);
  });

  test('attributes that are numbers or truth values are texts as labels, and null is none', () => {
    expect(parse({ ...EVENT, sampled: true, rate: 5, left: 0, gone: null })[0]!.alert!.labels).toMatchObject({
      sampled: 'true',
      rate: '5',
      left: '0',
    });
    expect(parse({ ...EVENT, gone: null, subject: null })[0]!.alert!.labels).not.toHaveProperty('gone');
  });
});
