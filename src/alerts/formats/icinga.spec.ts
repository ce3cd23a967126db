import { numberAt, numberFoundAt } from '../../common/json-path';
import { Icinga } from './icinga.format';

/** As in Icinga's documentation. */
const RESULT = {
  type: 'Service',
  filter: 'host.name=="icinga2-master1.localdomain" && service.name=="passive-ping"',
  exit_status: 2,
  plugin_output: 'PING CRITICAL - Packet loss = 100%',
  performance_data: ['rta=5000.000000ms;3000.000000;5000.000000;0.000000', 'pl=100%;80;100;0'],
  check_source: 'example.localdomain',
  pretty: true,
};
const icinga = new Icinga();
const parse = (changes: object) => icinga.parse({ ...RESULT, ...changes });
const only = (changes: object) => {
  const [parsed] = parse(changes);
  if (!parsed?.alert) throw new Error(JSON.stringify(parsed));
  return parsed.alert;
};

test('a critical result fires with its exit status as value', () => {
  expect(only({})).toMatchObject({
    dedupKey: 'icinga2-master1.localdomain!passive-ping',
    status: 'firing',
    value: 2,
    labels: {
      host: 'icinga2-master1.localdomain',
      service: 'passive-ping',
      check_source: 'example.localdomain',
    },
    annotations: { plugin_output: 'PING CRITICAL - Packet loss = 100%' },
  });
});

test('OK resolves, UNKNOWN neither begins nor ends anything', () => {
  expect(only({ exit_status: 0 })).toMatchObject({ status: 'resolved', value: 0 });
  expect(only({ exit_status: '1' })).toMatchObject({ status: 'firing', value: 1 });
  expect(parse({ exit_status: 3 })).toMatchObject([{ untold: expect.stringMatching(/^UNKNOWN/) }]);
});

test.each([
  [{ host: 'web-1', service: 'ping' }, 'web-1!ping'],
  [{ service: 'web-1!ping' }, 'web-1!ping'],
  [{ type: 'Host', host: 'web-1', exit_status: 1 }, 'web-1'],
  [{ type: 'Host', filter: "host.name == 'web-1'", exit_status: 1 }, 'web-1'],
  [{ filter: 'service.name=="ping"&&service.host_name=="web-1"' }, 'web-1!ping'],
])('%j names what it is about', (changes, key) => {
  expect(only({ filter: undefined, ...changes }).dedupKey).toBe(key);
});

test('its performance data are numbers by label, and its ttl is its life', () => {
  const { raw, lifeSeconds } = only({ ttl: 600 });
  expect(numberAt('$.performance.rta', raw)).toBe(5000);
  expect(numberAt('$.performance.pl', raw)).toBe(100);
  expect(lifeSeconds).toBe(600);
  const text = only({ performance_data: "'free space'=-1.5e3MB;;;0 load1=0.5;5 broken=U =5" });
  expect(text.raw).toMatchObject({ performance: { 'free space': -1500, load1: 0.5 } });
});

test('what it is about may stand in the query, and any media type is JSON', async () => {
  const facts = {
    raw: Buffer.from('{"exit_status": 1, "plugin_output": ""}'),
    headers: {},
    now: new Date(0),
  };
  const body = await icinga.read({ ...facts, query: { service: 'web-1!ping', token: 't' } });
  expect(body).toEqual({ exit_status: 1, plugin_output: '', service: 'web-1!ping' });
});

test.each([
  [{ exit_status: 4 }, '/exit_status'],
  [{ exit_status: 1.5 }, '/exit_status'],
  [{ exit_status: undefined }, '/exit_status'],
  [{ type: 'Host', filter: 'host.name=="web-1"', exit_status: 2 }, '/exit_status'],
  [{ plugin_output: undefined }, '/plugin_output'],
  [{ ttl: -1 }, '/ttl'],
  [{ ttl: 1e300 }, '/ttl'],
  [{ ttl: 'soon' }, '/ttl'],
  [{ filter: 'match("web*", host.name)' }, '/filter'],
  [{ filter: 'host.name=="a" || true' }, '/filter'],
  [{ filter: undefined }, '/host'],
  [{ filter: 'host.name=="web-1"' }, '/service'],
])('%j is refused', (changes, pointer) => {
  expect(parse(changes)).toMatchObject([{ errors: [{ pointer }] }]);
});

test("answers are in Icinga's own shape", () => {
  expect(icinga.answer(RESULT)).toEqual({
    status: 200,
    body: {
      results: [
        {
          code: 200,
          status:
            "Successfully processed check result for object 'icinga2-master1.localdomain!passive-ping'.",
        },
      ],
    },
  });
  expect(icinga.refusal(400, 'wrong', [{ pointer: '/host', detail: 'is required' }])).toEqual({
    error: 400,
    status: 'host is required',
  });
});

describe('numbers of performance data', () => {
  test.each<[string, unknown]>([
    ['time=6.049175s;;;0;10', 6.049175],
    ['time=6.049175s;;;0,000000;10,000000', 6.049175],
    ['time=0', 0],
    ['time=-5.5;1;2', -5.5],
    ['time=+6.5s', 6.5],
    ['time=.5', 0.5],
    ['time=1e3', 1000],
    ['time=1.5E-3s;1', 0.0015],
    ['time=100%;80;100;0', 100],
    ['time=21.5°C', 21.5],
    ['time=12µs', 12],
    ['time=3m3', 3],
    ['time=5E', 5],
    ['time=85 %;90', 85],
    ['time=12/s', 12],
    ['time=7 min', 7],
  ])('%s is read', (entry, number) => {
    expect(numberAt('$.performance.time', only({ performance_data: [entry] }).raw)).toBe(number);
    expect(numberAt('$.performance.time', only({ performance_data: entry }).raw)).toBe(number);
  });

  test.each([
    'time=6,049175s;;;0,000000;10,000000',
    'time=1,234.5ms',
    'time=1.234,5ms',
    'time=1.234.567B',
    'time=1,234',
    'time=U;;;0;10',
    'time=--5',
    'time=5-7',
    'time=5 6ms',
    'time=1e400',
    'time=',
    'time=NaN',
    'time=0x10',
    'time=0X1F;;',
    "time=1'000",
    'time=1_000',
    'time=1/2',
    'time=1 234',
    'time=1\u00a0234s',
    'time=1\u202f234',
    'time=1 h 30 min',
    'time=5:30',
  ])('%s is no number, and never a part of one', (entry) => {
    const { raw } = only({ performance_data: [entry] });
    expect(numberAt('$.performance.time', raw)).toBeUndefined();
    expect(() => numberFoundAt('$.performance.time', raw)).toThrow('a text that is no number');
    expect(numberAt('$.performance.time', only({ performance_data: entry }).raw)).toBeUndefined();
  });
});

describe('when it was looked', () => {
  test.each([
    [{ execution_end: 1795341600.5 }, '2026-11-22T10:00:00.500Z'],
    [{ execution_end: '1795341600', execution_start: 1 }, '2026-11-22T10:00:00.000Z'],
    [{ execution_start: 1795341600 }, '2026-11-22T10:00:00.000Z'],
    [{ execution_start: null }, undefined],
    [{}, undefined],
  ])('%j', (changes, moment) => {
    const { saidAt, at, isRepeated } = only(changes);
    expect([saidAt, at, isRepeated]).toEqual([moment && new Date(moment), moment && new Date(moment), true]);
  });

  test.each(['yesterday', -1, 1795341600000, '2026-11-22T10:00:00Z', {}])(
    '%j is no such time',
    (execution_end) => {
      expect(parse({ execution_end })).toMatchObject([{ errors: [{ pointer: '/execution_end' }] }]);
    },
  );
});

test.each([
  [0, undefined],
  ['0', undefined],
  [null, undefined],
  [60, 60],
  ['60', 60],
])('a ttl of %j is a life of %s', (ttl, lifeSeconds) => {
  expect(only({ ttl }).lifeSeconds).toBe(lifeSeconds);
});

test.each([-1, 1e12, 'soon', true, {}])('a ttl of %j is refused', (ttl) => {
  expect(parse({ ttl })).toMatchObject([{ errors: [{ pointer: '/ttl' }] }]);
});

test('performance data that Icinga has parsed are read, too', () => {
  const performance_data = [
    { type: 'PerfdataValue', label: 'rta', value: 12.5, unit: 'ms' },
    { type: 'PerfdataValue', label: 'pl', value: null },
    { label: 7 },
  ];
  const { raw } = only({ performance_data });
  expect(numberAt('$.performance.rta', raw)).toBe(12.5);
  expect(numberAt('$.performance.pl', raw)).toBeUndefined();
});

test('all of a result may stand in the query; of what stands there twice the last counts', async () => {
  const query = {
    service: ['a!b', 'web-1!ping'],
    exit_status: '2',
    plugin_output: 'PING CRITICAL',
    ttl: '60',
  };
  const facts = { raw: Buffer.alloc(0), headers: {}, query, now: new Date() };
  expect(icinga.parse(await icinga.read(facts))).toMatchObject([
    { alert: { dedupKey: 'web-1!ping', status: 'firing', value: 2, lifeSeconds: 60 } },
  ]);
});
