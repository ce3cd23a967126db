import { setTimeout as sleep } from 'node:timers/promises';
import { until, World, type Api, type Json } from './program';
import { Farm } from './stand-ins/farm';

const WAIT_MS = 20_000;

/** What was asked for is counted once, whenever the counter shows it. */
describe('nodes', () => {
  let world: World;
  let api: Api;
  const farms: Farm[] = [];

  beforeAll(async () => {
    world = await World.create();
    ({ api } = await world.start());
  }, 60_000);
  afterAll(async () => {
    await Promise.all(farms.map((farm) => farm.stop()));
    await world?.end();
  });

  /** A farm with a rule for each way: down below a load of 20, up over 90, one node a trigger. */
  async function farmOf(
    name: string,
    nodes: number,
    limits: object,
    rule: object = {},
    action: object = {},
  ): Promise<Farm> {
    const farm = new Farm(nodes);
    farms.push(farm);
    const url = await farm.start();
    const count = { type: 'http_json', params: { url: `${url}/nodes`, path: '$.value' } };
    await api.create('/infrastructures', { name, nodes: count, ...limits });
    const body =
      '{"direction": "{{ nodes.direction }}", "current": {{ nodes.current }}, "desired": {{ nodes.desired }}}';
    await api.create('/actions', { name, type: 'webhook', params: { url: `${url}/scale`, body }, ...action });
    const common = {
      intervalSeconds: 1,
      // A count serves for a second.
      wisdomSeconds: 2,
      metrics: { load: { type: 'http_json', params: { url: `${url}/load`, path: '$.value' } } },
      infrastructure: name,
      actions: [name],
      ...rule,
    };
    const rules = { down: 'load < 20', up: 'load > 90' };
    for (const [direction, condition] of Object.entries(rules))
      await api.create('/services', { name: `${name}-${direction}`, direction, condition, ...common });
    return farm;
  }

  /** Waits until whoever asks is told so many nodes, as a count serves for a second; null: that nobody can count. */
  const isCounted = (name: string, nodes: number | null) =>
    until(
      async () => (await api.get(`/infrastructures/${name}/capacity`)).body.current === nodes,
      WAIT_MS,
      `${name} has ${nodes} nodes`,
    );

  const justifications = async (name: string): Promise<string[]> =>
    (await api.all(`/executions?action=${name}`)).map(({ justification }: Json) => justification as string);

  it.concurrent(
    'a counter that shows nodes at once: each step is one node, and no number is invented',
    async () => {
      const farm = await farmOf('prompt', 6, {
        minNodes: 2,
        warmupSeconds: 120,
        maxDirectionChangesPerHour: 99,
      });
      farm.load = 10;
      await until(() => farm.nodes === 2, WAIT_MS);
      expect(farm.wishes.map(({ desired }) => desired)).toEqual([5, 4, 3, 2]);
      expect((await api.get('/services/prompt-down/state')).body.phase).toBe('alarm');
      await isCounted('prompt', 2);
      farm.load = 95;
      await until(() => farm.nodes === 8, WAIT_MS);
      expect(farm.wishes.slice(4).map(({ desired }) => desired)).toEqual([3, 4, 5, 6, 7, 8]);
      expect(farm.wishes.filter(({ current, there }) => current !== there)).toEqual([]);
      const texts = await justifications('prompt');
      for (const { current, desired } of farm.wishes)
        expect(texts.some((text) => text.includes(`from ${current} to ${desired} nodes`))).toBe(true);
      const isAtMost = async () =>
        /prompt has 8 nodes, its maximum is 8/.test(
          (await api.get('/services/prompt-up/state')).body.explanation,
        );
      await until(isAtMost, WAIT_MS);
      // Nodes that go by themselves are asked for anew, from what there is.
      farm.nodes = 4;
      await until(() => farm.nodes === 5, WAIT_MS);
      expect(farm.wishes.at(-1)).toMatchObject({ current: 4, desired: 5 });
    },
    60_000,
  );

  it.concurrent(
    'a counter that is late: no wish leaves the limits, and none takes more than was asked',
    async () => {
      const farm = await farmOf('late', 6, {
        minNodes: 2,
        warmupSeconds: 30,
        maxDirectionChangesPerHour: 99,
      });
      farm.lagMs = 3_000;
      farm.load = 10;
      await until(() => farm.nodes === 2, WAIT_MS);
      farm.load = 95;
      await until(() => farm.wishes.at(-1)!.direction === 'up', WAIT_MS);
      await sleep(4_500);
      for (const { direction, desired, there } of farm.wishes) {
        expect(desired).toBeGreaterThanOrEqual(2);
        expect(desired).toBeLessThanOrEqual(8);
        expect(desired - there).toBe(direction === 'up' ? 1 : -1);
      }
    },
    60_000,
  );

  const retry = { attempts: 5, backoffSeconds: 5, maxBackoffSeconds: 5 };

  it.concurrent.each([
    ['up', 4, 95, 0],
    ['down', 8, 10, 0],
    ['up', 4, 95, 3_000],
    ['down', 8, 10, 3_000],
  ])(
    'what is tried again sets what was asked for in all by then: %s from %d, load %d, nodes counted %d ms late',
    async (direction, nodes, load, lagMs) => {
      const name = `again-${direction}-${lagMs}`;
      const farm = await farmOf(name, nodes, { minNodes: 2, warmupSeconds: 60 }, {}, { retry });
      farm.refuses = 1;
      Object.assign(farm, { load, lagMs });
      await until(() => farm.wishes.length === 2, WAIT_MS);
      // By itself it never goes back, and by two triggers no further than by two nodes.
      const first = await until(async () => {
        const [earliest] = (await api.all(`/executions?action=${name}`)).toReversed();
        return earliest.status === 'succeeded' && earliest;
      }, WAIT_MS);
      farm.load = 50;
      const sign = direction === 'up' ? 1 : -1;
      for (const { desired, there } of farm.wishes)
        expect(sign * (desired - there)).toBeGreaterThanOrEqual(0);
      const triggers = await until(async () => {
        const all = await api.all(`/executions?action=${name}`);
        return all.every(({ status }: Json) => status === 'succeeded') && all;
      }, WAIT_MS);
      expect(sign * (farm.nodes - nodes)).toBe(triggers.length);
      expect(first.justification).toMatch(/; tried again at .*: from \d .*to \d nodes$/);
    },
    60_000,
  );

  it.concurrent(
    'nodes that came meanwhile are not taken away by a try that comes late',
    async () => {
      const farm = await farmOf('late-try', 4, { warmupSeconds: 60 }, { wisdomSeconds: 600 }, { retry });
      farm.refuses = 1;
      farm.load = 95;
      await until(() => farm.refuses === 0, WAIT_MS);
      farm.nodes = 7;
      await until(() => farm.wishes.length === 1, WAIT_MS);
      expect(farm.wishes[0]).toMatchObject({ desired: 7, there: 7 });
    },
    60_000,
  );

  it.concurrent(
    'an approval is checked again when it is given',
    async () => {
      const farm = await farmOf(
        'asked',
        3,
        { minNodes: 1, warmupSeconds: 90 },
        { mode: 'approve', wisdomSeconds: 600 },
      );
      farm.load = 10;
      const execution = await until(
        async () => (await api.get('/executions?action=asked&status=awaiting_approval')).body.items[0],
        WAIT_MS,
      );
      expect(execution).toMatchObject({ nodes: { current: 3, desired: 2, delta: -1 } });
      expect((await api.get('/infrastructures/asked/capacity')).body).toMatchObject({
        current: 3,
        inFlight: 0,
        effective: 3,
        awaitingApproval: -1,
      });
      farm.nodes = 5;
      await isCounted('asked', 5);
      const moved = await api.post(`/executions/${execution.id}/approve`);
      expect(moved.status).toBe(409);
      expect(moved.body.detail).toContain(
        'it was decided to go from 3 to 2 nodes, and asked has 5 now: it would go from 5 to 4 nodes',
      );
      expect((await api.get(`/executions/${execution.id}`)).body).toMatchObject({
        status: 'awaiting_approval',
        nodes: { current: 5, desired: 4, delta: -1, direction: 'down' },
      });
      farm.nodes = 1;
      await isCounted('asked', 1);
      const over = await api.post(`/executions/${execution.id}/approve`);
      expect([over.status, over.body.detail]).toEqual([
        409,
        expect.stringContaining('nothing is left to be done'),
      ]);
      farm.nodes = 5;
      await isCounted('asked', 5);
      expect((await api.post(`/executions/${execution.id}/approve`)).status).toBe(200);
      await until(() => farm.nodes === 4, WAIT_MS);
      expect(farm.wishes).toEqual([{ direction: 'down', current: 5, desired: 4, there: 5 }]);
    },
    60_000,
  );

  it.concurrent(
    'nothing is approved while nobody can count',
    async () => {
      const farm = await farmOf('blind', 3, { warmupSeconds: 90 }, { mode: 'approve', wisdomSeconds: 600 });
      farm.load = 95;
      const { id } = await until(
        async () => (await api.get('/executions?action=blind&status=awaiting_approval')).body.items[0],
        WAIT_MS,
      );
      await farm.stop();
      await isCounted('blind', null);
      const refused = await api.post(`/executions/${id}/approve`);
      expect([refused.status, refused.body.detail]).toEqual([
        409,
        expect.stringMatching(/nobody can tell what it would do now: .*can't be counted/),
      ]);
    },
    60_000,
  );
});
