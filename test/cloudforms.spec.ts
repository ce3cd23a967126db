import { secret, until, World, type Api, type Json } from './program';
import { CloudFormsStandIn } from './stand-ins/cloudforms';

describe('machines of CloudForms', () => {
  const cloudForms = new CloudFormsStandIn('monscale', secret('the-password-of-cloudforms'));
  let world: World;
  let api: Api;

  beforeAll(async () => {
    world = await World.create();
    const url = await cloudForms.start();
    ({ api } = await world.start());
    const access = { url, username: cloudForms.username, password: cloudForms.password };
    const owner = { owner_email: 'ops@example.com', owner_first_name: 'Ops', owner_last_name: 'Team' };
    await api.create('/actions', {
      name: 'provision',
      type: 'cloudforms_provision',
      params: {
        ...access,
        templateFields: { name: 'rhel6' },
        vmFields: { vm_name: '{{ service.name }}', vlan: 'production' },
        requester: owner,
        tags: { monitoredservice: 'web' },
      },
    });
    await api.create('/actions', {
      name: 'retire',
      type: 'cloudforms_retire',
      params: { ...access, tag: 'monitoredservice/web', requester: { auto_approve: 'true' } },
    });
    for (const [name, action] of [
      ['web', 'provision'],
      ['denied', 'provision'],
      ['deleted', 'provision'],
      ['lost', 'provision'],
      ['less', 'retire'],
    ]) {
      await api.create('/services', {
        name,
        metrics: { outage: { type: 'alert', params: { match: { service: name } } } },
        condition: 'outage == 1',
        actions: [action],
      });
    }
  }, 60_000);

  afterAll(async () => {
    await world?.end();
    await cloudForms.stop();
  });

  /** The service's execution, once it has that status. */
  const reaches = (service: string, status: string): Promise<Json> =>
    until(async () => {
      const [execution] = await api.all(`/executions?service=${service}`);
      return execution?.status === status && execution;
    }, 20_000);
  const begin = (service: string) => api.post('/alerts', { labels: { service } });
  const work = () => {
    cloudForms.tick();
    cloudForms.tick();
  };

  test('one is there once a person has approved it, and retired when it is not needed', async () => {
    await begin('web');
    const { attempts } = await reaches('web', 'waiting');
    expect(attempts[0].detail).toMatch(/waits for approval$/);
    cloudForms.approve(cloudForms.requests[0]!.id);
    work();
    await reaches('web', 'succeeded');
    expect(cloudForms.vms).toMatchObject([{ tags: ['monitoredservice/web'], retired: false }]);
    await begin('less');
    await reaches('less', 'waiting');
    work();
    await reaches('less', 'succeeded');
    expect(cloudForms.vms).toMatchObject([{ retired: true }]);
  }, 60_000);

  test('a denial fails the execution, with the reason', async () => {
    await begin('denied');
    await reaches('denied', 'waiting');
    cloudForms.deny(cloudForms.requests.at(-1)!.id, 'no budget');
    const { attempts } = await reaches('denied', 'failed');
    expect(attempts).toMatchObject([{ error: expect.stringMatching(/was denied: no budget$/) }]);
  }, 60_000);

  test('a request that is deleted leaves a person to say what became of it', async () => {
    await begin('deleted');
    await reaches('deleted', 'waiting');
    cloudForms.requests.pop();
    const { attempts } = await reaches('deleted', 'unknown');
    expect(attempts).toMatchObject([
      { error: expect.stringMatching(/was not found; what came of it can't be told$/) },
    ]);
  }, 60_000);

  test('an answer that is lost leaves one request, and a person to say what became of it', async () => {
    const before = cloudForms.requests.length;
    cloudForms.next.push({ dropAfter: true });
    await begin('lost');
    const { id } = await reaches('lost', 'unknown');
    expect(cloudForms.requests).toHaveLength(before + 1);
    expect(cloudForms.requests.at(-1)!.fields.additionalValues!.monscale_execution).toBe(id);
  }, 60_000);
});
