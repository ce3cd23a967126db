import { PagerDuty, routingKeyIn } from './pagerduty.format';

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
  expect(pagerDuty.parse({ ...bare, event_action: 'acknowledge' })).toEqual([]);
});

test('without a key one is made of the payload: sent twice, it is one alert', () => {
  const key = (changes: object) => {
    const [parsed] = parse({ dedup_key: undefined, ...changes });
    return parsed?.errors ? undefined : parsed?.alert.dedupKey;
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
