/** What helps a person who sets a rule up: metrics tried, agents looked at. */
import { ObjectType } from 'net-snmp';
import { secret, World, type Api } from './program';
import { startSnmpAgent, type StandIn } from './stand-ins/snmp-agents';

const BASE = '1.3.6.1.4.1.8072.9999';
const COMMUNITY = secret('a-community-of-the-tests');

describe('tools', () => {
  let world: World;
  let agent: StandIn;
  let api: Api;

  beforeAll(async () => {
    world = await World.create();
    agent = await startSnmpAgent(
      [
        { oid: `${BASE}.1`, type: ObjectType.Integer, value: 7 },
        { oid: `${BASE}.2`, type: ObjectType.OctetString, value: 'Linux' },
      ],
      COMMUNITY,
    );
    ({ api } = await world.start('api', { env: { MONSCALE_PARAM_COMMUNITY: COMMUNITY } }));
  }, 60_000);

  afterAll(async () => {
    await agent?.close();
    await world?.end();
  });

  const target = () => ({
    host: '127.0.0.1',
    port: agent.port,
    community: { env: 'MONSCALE_PARAM_COMMUNITY' },
  });
  const tryMetric = (type: string, params: object = {}, given: object = {}) =>
    api.post('/tools/metrics/try', { type, params, ...given });

  test('a metric is read once, as a poll would', async () => {
    const { status, body } = await tryMetric('snmp_oid', { ...target(), oid: `${BASE}.1.0` });
    expect(status).toBe(200);
    expect(body).toEqual({ value: 7, elapsedSeconds: expect.any(Number) });
    const clear = await tryMetric('snmp_oid', { ...target(), community: COMMUNITY, oid: `${BASE}.1.0` });
    expect(clear.body).toMatchObject({ value: 7 });
  });

  test.each([
    ['static_count', { value: 3 }, { value: 3 }],
    ['number_of_nodes', {}, { error: expect.stringContaining('there is no infrastructure here') }],
    [
      'http_status',
      { url: 'http://127.0.0.1:1/' },
      { error: expect.stringContaining('it refuses connections') },
    ],
    ['http_status', { url: 'http://169.254.169.254/' }, { error: expect.stringContaining('link-local') }],
    [
      'redis_list_length',
      { url: { env: 'MONSCALE_PARAM_NOT_THERE' }, key: 'k' },
      { error: expect.stringContaining('MONSCALE_PARAM_NOT_THERE') },
    ],
  ])('%s of %j answers %j', async (type, params, answer) => {
    const { status, body } = await tryMetric(type, params);
    expect(status).toBe(200);
    expect(body).toEqual({ ...answer, elapsedSeconds: expect.any(Number) });
  });

  test('what takes too long is let go', async () => {
    const params = { ...target(), community: 'nobody', oid: `${BASE}.1.0` };
    const { body } = await tryMetric('snmp_oid', params, { timeoutSeconds: 0.3 });
    expect(body.error).toMatch(/no answer in 0\.3 s/);
    expect(body.elapsedSeconds).toBeGreaterThan(0.25);
    expect(body.elapsedSeconds).toBeLessThan(4);
  });

  test.each([
    ['snmp_oid', { host: 'h', oid: 'sysUpTime' }, {}, '/params/oid'],
    ['snmp_oid', { host: 'h', oid: '1.3.6.1', community: { secret: true } }, {}, '/params/community'],
    ['http_json', { url: 'http://h', path: 'x' }, {}, '/params/path'],
    ['alert', {}, {}, '/type'],
    ['nothing', {}, {}, '/type'],
    ['static_count', { value: 3 }, { timeoutSeconds: 60 }, '/timeoutSeconds'],
    ['static_count', { value: 3 }, { surprise: 1 }, '/surprise'],
  ])('%s with %j and %j is refused at %s', async (type, params, given, pointer) => {
    const { status, body } = await tryMetric(type, params, given);
    expect(status).toBe(400);
    expect(body.errors).toContainEqual({ pointer, detail: expect.any(String) });
  });

  test('an agent is looked at', async () => {
    const { status, body } = await api.post('/tools/snmp/walk', { ...target(), oid: `.${BASE}` });
    expect(status).toBe(200);
    expect(body).toEqual({
      rows: [
        { oid: `${BASE}.1.0`, type: 'Integer', value: '7', number: 7 },
        { oid: `${BASE}.2.0`, type: 'OctetString', value: 'Linux' },
      ],
      isComplete: true,
      elapsedSeconds: expect.any(Number),
    });
    const one = await api.post('/tools/snmp/walk', { ...target(), oid: BASE, rowsAtMost: 1 });
    expect(one.body).toMatchObject({ rows: [{ oid: `${BASE}.1.0` }], isComplete: false });
  });

  test.each([
    [{ oid: 'noSuchObjectName' }, '/oid'],
    [{ rowsAtMost: 1_001 }, '/rowsAtMost'],
    [{ timeoutSeconds: 3_600 }, '/timeoutSeconds'],
    [{ community: { secret: true } }, '/community'],
    [{ community: { env: 'MONSCALE_PARAM_NOT_THERE' } }, ''],
    [{ version: '3' }, '/v3'],
  ])('a walk with %j is refused at %s', async (given, pointer) => {
    const { status, body } = await api.post('/tools/snmp/walk', { ...target(), oid: BASE, ...given });
    expect(status).toBe(400);
    expect(body.errors).toContainEqual({ pointer, detail: expect.any(String) });
  });

  test('they are for the administrator alone', async () => {
    const { token } = await api.create('/sources', { name: 'some', format: 'native' });
    for (const path of ['/tools/metrics/try', '/tools/snmp/walk']) {
      expect((await api.as(undefined).post(path, {})).status).toBe(401);
      expect((await api.as(token).post(path, {})).status).toBe(403);
      expect((await api.post(path, '[')).status).toBe(400);
      expect((await api.post(path)).status).toBe(400);
    }
  });
});
