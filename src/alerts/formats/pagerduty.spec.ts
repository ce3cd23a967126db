import { changeAnswer, PagerDuty, routingKeyIn } from './pagerduty.format';

/** As in PagerDuty's documentation. */
const EVENT = {
  routing_key: 'samplekeyhere',
  event_action: 'trigger',
  dedup_key: 'samplekeyhere',
  client: 'Sample Monitoring Service',
  client_url: 'https://monitoring.example.com',
  links: [{ href: 'https://example.com/', text: 'Link text' }],
  images: [],
  payload: {
    summary: 'DISK at 99% on machine prod-datapipe03.example.com',
    source: 'prod-datapipe03.example.com',
    severity: 'critical',
    timestamp: '2015-07-17T08:42:58.315+0000',
    component: 'mysql',
    group: 'prod-datapipe',
    class: 'disk',
    custom_details: { free: '1%', free_percent: 1 },
  },
};
const pagerDuty = new PagerDuty();
const parse = (changes: object) => pagerDuty.parse({ ...EVENT, ...changes });

test('a trigger fires, with its payload as labels and without its routing key', () => {
  const [parsed] = parse({});
  expect(parsed).toMatchObject({
    alert: {
      dedupKey: 'samplekeyhere',
      status: 'firing',
      labels: {
        source: 'prod-datapipe03.example.com',
        severity: 'critical',
        component: 'mysql',
        group: 'prod-datapipe',
        class: 'disk',
        summary: 'DISK at 99% on machine prod-datapipe03.example.com',
      },
      at: new Date('2015-07-17T08:42:58.315Z'),
      raw: { routing_key: '***', payload: { custom_details: { free_percent: 1 } } },
    },
  });
});

test('a resolution needs nothing but the key; an acknowledgement neither begins nor ends anything', () => {
  const { payload: _, ...bare } = EVENT;
  expect(pagerDuty.parse({ ...bare, event_action: 'resolve' })).toMatchObject([
    { alert: { dedupKey: 'samplekeyhere', status: 'resolved', labels: {} } },
  ]);
  expect(pagerDuty.parse({ ...bare, event_action: 'acknowledge' })).toMatchObject([
    { untold: expect.stringMatching(/acknowledgement/) },
  ]);
});

test('without a key one is made of the payload: sent twice, it is one alert', () => {
  const key = (changes: object) => {
    const [parsed] = parse({ dedup_key: undefined, ...changes });
    return parsed?.alert?.dedupKey;
  };
  expect(key({})).toBe(key({}));
  expect(key({ payload: { ...EVENT.payload, source: 'other' } })).not.toBe(key({}));
  expect(parse({ dedup_key: undefined })).toMatchObject([{ alert: { lifeSeconds: 300 } }]);
});

test.each([
  [{ event_action: 'explode' }, '/event_action'],
  [{ event_action: undefined }, '/event_action'],
  [{ dedup_key: 'k'.repeat(256) }, '/dedup_key'],
  [{ dedup_key: { a: 1 } }, '/dedup_key'],
  [{ event_action: 'resolve', dedup_key: undefined }, '/dedup_key'],
  [{ payload: undefined }, '/payload'],
  [{ payload: { ...EVENT.payload, summary: ' ' } }, '/payload/summary'],
  [{ payload: { ...EVENT.payload, source: 5 } }, '/payload/source'],
  [{ payload: { ...EVENT.payload, severity: 'page' } }, '/payload/severity'],
  [{ payload: { ...EVENT.payload, timestamp: 'now' } }, '/payload/timestamp'],
])('%j is no event', (changes, pointer) => {
  expect(parse(changes)).toMatchObject([{ errors: [{ pointer }] }]);
});

test('answers are in its own shape', () => {
  const taken = { accepted: [{ id: 'i', dedupKey: 'k' }], rejected: [] };
  expect(pagerDuty.answer(EVENT, taken)).toEqual({
    status: 202,
    body: { status: 'success', message: 'Event processed', dedup_key: 'k' },
  });
  expect(pagerDuty.answer(EVENT, { accepted: [], rejected: [] }).body).toMatchObject({
    dedup_key: 'samplekeyhere',
  });
  const errors = [{ pointer: '/payload/severity', detail: 'must be one of critical' }];
  expect(pagerDuty.refusal(400, 'The input is wrong', errors)).toEqual({
    status: 'invalid event',
    message: 'Event object is invalid',
    errors: ['payload.severity must be one of critical'],
  });
});

test('the routing key is found in a body, and nowhere else', () => {
  expect(routingKeyIn(Buffer.from(JSON.stringify(EVENT)))).toBe('samplekeyhere');
  for (const body of [
    '',
    '{',
    '[]',
    '{"routing_key": 5}',
    `{"routing_key": "k", "x": "${'x'.repeat(600_000)}"}`,
  ])
    expect(routingKeyIn(Buffer.from(body))).toBeUndefined();
});

describe('Events API v1', () => {
  /** As PagerDuty's documentation of v1 has it. */
  const V1 = {
    service_key: 'samplekeyhere',
    event_type: 'trigger',
    incident_key: 'srv01/http',
    description: 'FAILURE for production/HTTP on machine srv01.acme.com',
    client: 'Sample Monitoring Service',
    client_url: 'https://monitoring.service.com',
    details: { 'ping time': '1500ms', 'load avg': 0.75, host: 'srv01', password: 'hunter2' },
    contexts: [{ type: 'link', href: 'http://acme.pagerduty.com' }],
  };
  const parseV1 = (changes: object) => pagerDuty.parse({ ...V1, ...changes });

  test('a trigger fires, with its details as labels and without its service key', () => {
    expect(parseV1({})).toEqual([
      {
        alert: {
          dedupKey: 'srv01/http',
          status: 'firing',
          labels: {
            summary: 'FAILURE for production/HTTP on machine srv01.acme.com',
            'ping time': '1500ms',
            'load avg': '0.75',
            host: 'srv01',
          },
          annotations: { client: 'Sample Monitoring Service', client_url: 'https://monitoring.service.com' },
          isRepeated: true,
          lifeSeconds: undefined,
          raw: {
            ...V1,
            service_key: '***',
            details: { ...V1.details, password: '***' },
          },
        },
      },
    ]);
  });

  test('a resolution needs nothing but the key, an acknowledgement neither begins nor ends anything', () => {
    const bare = { service_key: 'k', incident_key: 'srv01/http' };
    expect(pagerDuty.parse({ ...bare, event_type: 'resolve' })).toMatchObject([
      { alert: { dedupKey: 'srv01/http', status: 'resolved', labels: {} } },
    ]);
    expect(pagerDuty.parse({ ...bare, event_type: 'acknowledge' })).toMatchObject([
      { untold: expect.any(String) },
    ]);
  });

  test('without a key one is made of what it says', () => {
    const key = (changes: object) => parseV1({ incident_key: undefined, ...changes })[0]?.alert?.dedupKey;
    expect(key({})).toBe(key({ contexts: [] }));
    expect(key({ details: {} })).not.toBe(key({}));
    expect(parseV1({ incident_key: '' })).toMatchObject([{ alert: { lifeSeconds: 300 } }]);
  });

  test.each([
    [{ event_type: 'explode' }, '/event_type'],
    [{ event_type: undefined }, '/event_type'],
    [{ incident_key: 'k'.repeat(256) }, '/incident_key'],
    [{ incident_key: 5 }, '/incident_key'],
    [{ event_type: 'resolve', incident_key: undefined }, '/incident_key'],
    [{ description: undefined }, '/description'],
    [{ description: ' ' }, '/description'],
  ])('%j is no event', (changes, pointer) => {
    expect(parseV1(changes)).toMatchObject([{ errors: [{ pointer }] }]);
  });

  test('what is of neither version is told of both', () => {
    expect(pagerDuty.parse({ routing_key: 'k' })).toMatchObject([
      { errors: [{ pointer: '/event_action', detail: expect.stringMatching(/v1 it is event_type/) }] },
    ]);
  });

  test('is answered as v1 answers', () => {
    const taken = { accepted: [{ id: 'i', dedupKey: 'k' }], rejected: [] };
    expect(pagerDuty.answer(V1, taken)).toEqual({
      status: 200,
      body: { status: 'success', message: 'Event processed', incident_key: 'k' },
    });
    expect(pagerDuty.answer(V1, { accepted: [], rejected: [] }).body).toMatchObject({
      incident_key: 'srv01/http',
    });
  });

  test('has its service key where the token is looked for, and is known by its shape', () => {
    expect(routingKeyIn(Buffer.from(JSON.stringify(V1)))).toBe('samplekeyhere');
    expect(pagerDuty.looksLike(V1)).toBe(true);
    expect(pagerDuty.looksLike({ event_type: 'click' })).toBe(false);
  });
});

describe('change events', () => {
  test('are answered as PagerDuty does', () => {
    const event = { routing_key: 'k', payload: { summary: 'deployed', timestamp: '2026-11-22T10:00:00Z' } };
    expect(changeAnswer(Buffer.from(JSON.stringify(event)))).toEqual({
      status: 202,
      body: { status: 'success', message: 'Change event processed' },
    });
  });

  test.each(['{}', '[]', '{"payload": 5}', '{"payload": {"summary": ""}}', '{"payload": {"summary": 5}}'])(
    '%s is none',
    (body) => {
      expect(() => changeAnswer(Buffer.from(body))).toThrow('/payload/summary');
    },
  );
});
