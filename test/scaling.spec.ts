import { secret, until, World, type Api, type Json, type MonscaleProcess } from './program';
import { AutoScalingStandIn, type Group } from './stand-ins/autoscaling';

const KEY = secret('the-secret-of-the-access-key');

describe('a target with a number of its own', () => {
  const aws = new AutoScalingStandIn({ AKIDEXAMPLE: KEY });
  const groups: Record<string, Group> = {};
  let world: World;
  let worker: MonscaleProcess;
  let api: Api;

  beforeAll(async () => {
    world = await World.create();
    const endpoint = await aws.start();
    ({ api } = await world.start('api,scheduler'));
    worker = await world.start('worker');
    for (const name of ['rests', 'rests-long', 'lost', 'more']) {
      groups[name] = { region: 'eu-west-1', minSize: 1, maxSize: 20, desiredCapacity: 5, instances: 5 };
      aws.groups.set(name, groups[name]);
      await api.create('/infrastructures', {
        name,
        nodes: { type: 'static_count', params: { value: 5 } },
        minNodes: 1,
        maxNodes: 9,
      });
      await api.create('/actions', {
        name,
        type: 'aws_autoscaling_capacity',
        params: {
          groupName: name,
          region: 'eu-west-1',
          honorCooldown: true,
          endpoint,
          accessKeyId: 'AKIDEXAMPLE',
          secretAccessKey: KEY,
        },
        timeoutSeconds: 2,
        retry: { attempts: name === 'lost' ? 5 : 1, backoffSeconds: 1 },
      });
      await api.create('/services', {
        name,
        metrics: { outage: { type: 'alert', params: { match: { service: name } } } },
        condition: 'outage == 1',
        infrastructure: name,
        direction: 'up',
        actions: [name],
        repeat: false,
      });
    }
  }, 60_000);

  afterAll(async () => {
    await world?.end();
    await aws.stop();
  });

  const begin = (service: string) => api.post('/alerts', { labels: { service } });
  const reaches = (service: string, is: (execution: Json) => boolean) =>
    until(async () => {
      const [execution] = await api.all(`/executions?service=${service}`);
      return execution !== undefined && is(execution) && execution;
    }, 40_000);

  test('that rests longer than all tries last is waited for, and that counts as no try', async () => {
    groups.rests!.cooldownUntil = Date.now() + 8_000;
    await begin('rests');
    const { attempts } = await reaches('rests', ({ status }) => status === 'succeeded');
    expect(attempts).toMatchObject([
      {
        outcome: 'not_yet',
        error: expect.stringContaining('ScalingActivityInProgress'),
        times: expect.any(Number),
      },
      { outcome: 'succeeded', detail: '5 -> 6' },
    ]);
    expect(attempts).toHaveLength(2);
    expect(attempts[0].times).toBeGreaterThanOrEqual(3);
    expect(groups.rests!.desiredCapacity).toBe(6);
  }, 60_000);

  test('that does not end its rest has failed at the deadline', async () => {
    groups['rests-long']!.cooldownUntil = Date.now() + 600_000;
    await begin('rests-long');
    const { id } = await reaches('rests-long', ({ attempts }) => attempts[0]?.outcome === 'not_yet');
    await world.rows(`UPDATE executions SET waits_until = now() WHERE id = $1`, [id]);
    const { attempts } = await reaches('rests-long', ({ status }) => status === 'failed');
    expect(attempts[0].error).toMatch(/ScalingActivityInProgress.*; it is not asked any more/);
    expect(groups['rests-long']!.desiredCapacity).toBe(5);
    groups['rests-long']!.cooldownUntil = 0;
    await api.post(`/executions/${id}/retry`);
    await reaches('rests-long', ({ status }) => status === 'succeeded');
  }, 60_000);

  test('that is larger than the count of nodes goes on from its own, and is not lowered', async () => {
    groups.more!.desiredCapacity = 8;
    await begin('more');
    const { attempts, ...rest } = await reaches('more', ({ status }) => status === 'succeeded');
    expect(attempts.at(-1).detail).toBe('8 -> 9');
    expect(groups.more!.desiredCapacity).toBe(9);
    expect(rest.action).toBe('more');
  }, 60_000);

  test('is not asked at all when the action does the contrary of what the rule wants', async () => {
    await api.create('/actions', {
      name: 'contrary',
      type: 'cloudforms_retire',
      params: { url: 'http://127.0.0.1:1', username: 'u', password: KEY, tag: 'farm/web' },
    });
    await api.create('/services', {
      name: 'contrary',
      metrics: { outage: { type: 'alert', params: { match: { service: 'contrary' } } } },
      condition: 'outage == 1',
      infrastructure: 'lost',
      direction: 'up',
      actions: ['contrary'],
    });
    await begin('contrary');
    const { attempts } = await reaches('contrary', ({ status }) => status === 'failed');
    expect(attempts).toMatchObject([
      {
        outcome: 'permanent',
        error: expect.stringMatching(/removes nodes, and the rule that asks for it scales up$/),
      },
    ]);
  }, 60_000);

  test('is changed once, also when the worker dies before it hears of it', async () => {
    aws.next.push({}, { hangAfter: true });
    await begin('lost');
    await until(async () => groups.lost!.desiredCapacity === 6, 10_000);
    const [before] = await api.all('/executions?service=lost');
    expect(before).toMatchObject({ attempts: [{ intended: { number: 6, decided: '5 -> 6' } }] });
    await worker.kill();
    worker = await world.start('worker');
    const { attempts } = await reaches('lost', ({ status }) => status === 'succeeded');
    expect(attempts[0]).toMatchObject({ outcome: 'lost', intended: { number: 6 } });
    expect(attempts.at(-1).detail).toMatch(/^6 -> 6; a try meant to set that, and its answer was lost/);
    expect(groups.lost!.desiredCapacity).toBe(6);
  }, 60_000);
});
