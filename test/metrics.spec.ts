/** Metrics of services as the program reads them: of nodes, and of one target that several services ask. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { secret, until, World, type Api, type Json } from './program';
import { HttpStandIn } from './stand-ins/http-stand-in';
import { bound, closed, getIn, integer, responseTo } from './stand-ins/snmp-agents';

const OID = '1.3.6.1.4.1.8072.9999.1.0';
const TOKEN = secret('Bearer the-token-of-the-queue');

class Queue extends HttpStandIn {
  asked = 0;

  protected async answer({ headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    this.asked += 1;
    await sleep(50);
    response.writeHead(headers.authorization === TOKEN ? 200 : 401).end('{"depth": 12, "state": "UP"}');
  }
}

describe('metrics of services', () => {
  const queue = new Queue();
  const agents: Socket[] = [];
  let world: World;
  let api: Api;
  let url: string;

  beforeAll(async () => {
    world = await World.create();
    url = await queue.start();
    for (const [host, value] of [
      ['127.79.0.1', 40],
      ['127.79.0.2', 60],
    ] as const) {
      const agent: Socket = await bound(host, agents[0]?.address().port);
      agent.on('message', (message, { port, address }) =>
        agent.send(responseTo(getIn(message), [[OID, integer(value)]]), port, address),
      );
      agents.push(agent);
    }
    ({ api } = await world.start('api,scheduler,worker'));
  }, 60_000);

  afterAll(async () => {
    await world?.end();
    await queue.stop();
    await Promise.all(agents.map(closed));
  });

  const valuesOf = async (service: string): Promise<Json> =>
    (await api.get(`/services/${service}/state`)).body.values;

  test('a mean is over the nodes of the infrastructure', async () => {
    const addresses = ['127.79.0.1', '127.79.0.2', '127.79.0.3'];
    await api.create('/infrastructures', {
      name: 'web',
      nodes: { type: 'static_nodes', params: { addresses } },
    });
    const params = { port: agents[0]!.address().port, oid: OID };
    const watch = (name: string, given: object = {}, infrastructure: object = { infrastructure: 'web' }) =>
      api.create('/services', {
        name,
        ...infrastructure,
        enabled: false,
        metrics: { cpu: { type: 'snmp_oid_average', params: { ...params, ...given }, timeoutSeconds: 1 } },
        condition: 'cpu > 80',
      });
    await watch('two-of-three');
    await watch('all-three', { minAnswers: 3 });
    await watch('of-nothing', {}, {});
    const read = async (name: string) => (await api.post(`/services/${name}/evaluate`)).body.values.cpu;
    expect(await read('two-of-three')).toMatchObject({ value: 50 });
    expect((await read('all-three')).error).toMatch(/2 of 3 nodes answered, 3 must; .* from 127\.79\.0\.3: /);
    expect((await read('of-nothing')).error).toMatch(/service of-nothing has no infrastructure/);
  });

  test('what several services ask of one target in a tick goes out once', async () => {
    const request = { url, headers: { Authorization: TOKEN } };
    const metrics = {
      depth: { type: 'http_json', params: { ...request, path: '$.depth' } },
      up: { type: 'http_content', params: { ...request, contains: '"UP"' } },
      status: { type: 'http_status', params: request },
      seconds: { type: 'http_response_time', params: request },
    };
    const names = Array.from({ length: 10 }, (_, n) => `queue-${n}`);
    for (const name of names)
      await api.create('/services', { name, intervalSeconds: 1, metrics, condition: 'depth > 100' });
    await until(async () => (await valuesOf('queue-9')).seconds?.value > 0, 10_000, 'it is polled');
    const before = queue.asked;
    await sleep(3_000);
    // Forty metrics a second, by ten requests at most.
    expect(queue.asked - before).toBeLessThanOrEqual(4 * names.length);
    expect(await valuesOf('queue-0')).toMatchObject({
      depth: { value: 12 },
      up: { value: 1 },
      status: { value: 200 },
      seconds: { value: expect.any(Number) },
    });
  }, 30_000);
});
