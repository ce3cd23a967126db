import { World, type Api, type Json } from './program';

/** Services that ask one agent are polled in the same second, in one job: their questions go out together. */
describe('slots of polls', () => {
  let world: World;
  let api: Api;

  beforeAll(async () => {
    world = await World.create();
    ({ api } = await world.start('api'));
  });
  afterAll(() => world.end());

  const OID = '1.3.6.1.2.1.1.7.0';
  const asking = (name: string, host: string, more: object = {}) => ({
    name,
    intervalSeconds: 60,
    metrics: { value: { type: 'snmp_oid', params: { host, oid: OID } } },
    condition: 'value > 1',
    ...more,
  });
  const importAll = async (services: object[]): Promise<void> => {
    const { status, body } = await api.post('/import', { monscale: 1, services });
    expect({ status, body }).toMatchObject({ status: 200 });
  };
  const slotsOf = async (prefix: string): Promise<Json[]> =>
    world.rows(
      'SELECT slot, count(*)::int AS services FROM services WHERE starts_with(name, $1) GROUP BY 1 ORDER BY 2 DESC',
      [prefix],
    );
  const slotOf = async (name: string): Promise<number> =>
    (await world.rows('SELECT slot FROM services WHERE name = $1', [name]))[0]!.slot;

  test('of one agent are one, up to 256 services; more go to a further one', async () => {
    const many = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, n) => asking(`big-${from + n}`, '192.0.2.1'));
    await importAll(many(0, 250));
    expect(await slotsOf('big-')).toMatchObject([{ services: 250 }]);
    await importAll(many(250, 600));
    expect(await slotsOf('big-')).toMatchObject([{ services: 256 }, { services: 256 }, { services: 88 }]);
    await importAll([asking('small-1', '192.0.2.2'), asking('small-2', '192.0.2.2')]);
    const [small, ...others] = await slotsOf('small-');
    expect([small!.services, others]).toEqual([2, []]);
    expect((await slotsOf('big-')).map(({ slot }) => slot)).not.toContain(small!.slot);
  });

  test('stay when a service changes, and go with its target', async () => {
    await importAll([asking('moves', '192.0.2.3'), asking('there', '192.0.2.4')]);
    const before = await slotOf('moves');
    await api.patch('/services/moves', { description: 'as it was', condition: 'value > 2' });
    expect(await slotOf('moves')).toBe(before);
    await api.patch('/services/moves', { metrics: { value: { params: { host: '192.0.2.4' } } } });
    expect(await slotOf('moves')).toBe(await slotOf('there'));
  });

  test('of pages of one host, which are asked one by one, are spread', async () => {
    const params = (n: number) => ({ url: `http://192.0.2.5/${n}` });
    await importAll(
      Array.from({ length: 20 }, (_, n) =>
        asking(`page-${n}`, '', { metrics: { value: { type: 'http_status', params: params(n) } } }),
      ),
    );
    expect((await slotsOf('page-')).length).toBeGreaterThan(15);
  });

  test('of a secret that is missing now is that of its id', async () => {
    const v3 = {
      user: 'poller',
      level: 'authNoPriv',
      authProtocol: 'sha256',
      authKey: { env: 'MONSCALE_PARAM_KEY' },
    };
    const { status } = await api.post(
      '/services',
      asking('keyless', '', {
        metrics: { value: { type: 'snmp_oid', params: { host: '192.0.2.6', oid: OID, version: '3', v3 } } },
      }),
    );
    expect(status).toBe(201);
  });
});
