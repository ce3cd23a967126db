/** What most stories of the whole program have: a program, a hook that is told, and services of one metric. */
import Redis from 'ioredis';
import { testRedisUrl } from './databases';
import { secret, until, World } from './program';
import type { Answer, Api, Json, MonscaleProcess, ProcessOptions } from './program';
import { WebhookSink, type SunkRequest } from './stand-ins/webhook-sink';

const WAIT_MS = 10_000;
const WAITING_AT_MOST = 2;

/**
 * A world with a program, and a sink for what it sends. A service is known by its name: alerts with that label feed it,
 * or the list of that name in a Redis, and the action `tell` goes to the sink's path of that name.
 */
export class Scenario {
  /** Connected by `useLists`. */
  lists!: Redis;
  listsUrl!: string;

  private constructor(
    readonly world: World,
    /** The first that was started, or what a story has started in its place. */
    public program: MonscaleProcess,
    readonly sink: WebhookSink,
    readonly sinkUrl: string,
  ) {}

  /**
   * Starts a program, with the action `tell`.
   *
   * @param roles of each process; the first serves the API
   * @param given options of each, which may depend on the world
   */
  static async begin(
    roles: readonly string[] = ['all'],
    given: ProcessOptions | ((world: World) => Promise<ProcessOptions>) = {},
  ): Promise<Scenario> {
    const sink = new WebhookSink();
    const [world, sinkUrl] = await Promise.all([World.create(), sink.start()]);
    try {
      const options = typeof given === 'function' ? await given(world) : given;
      const [first, ...others] = roles;
      const program = await world.start(first, options);
      await Promise.all(others.map((one) => world.start(one, options)));
      const scenario = new Scenario(world, program, sink, sinkUrl);
      await scenario.hook('tell', { url: `${sinkUrl}/{{ service.name }}` });
      return scenario;
    } catch (error) {
      await Promise.all([world.end(), sink.stop()]);
      throw error;
    }
  }

  /** Ends whatever runs. */
  async end(): Promise<void> {
    this.lists?.disconnect();
    await this.world.end();
    await this.sink.stop();
  }

  get api(): Api {
    return this.program.api;
  }

  /** Creates an action that goes to the sink's path of its name. */
  hook(name: string, params: object = {}, changes: object = {}): Promise<Json> {
    const url = `${this.sinkUrl}/${name}`;
    return this.api.create('/actions', { name, type: 'webhook', params: { url, ...params }, ...changes });
  }

  /** Creates a service whose metric `outage` alerts with its label `service` feed. @param params of the metric */
  fed(name: string, changes: object = {}, params: object = {}): Promise<Json> {
    return this.api.create('/services', {
      name,
      metrics: { outage: { type: 'alert', params: { match: { service: name }, ...params } } },
      condition: 'outage > 0',
      actions: ['tell'],
      ...changes,
    });
  }

  /** Sends an alert for a service that is `fed`. */
  fire(service: string, changes: object = {}): Promise<Answer> {
    return this.api.post('/alerts', { labels: { service }, ...changes });
  }

  /** Sends an alert for a service that is `fed`, and waits until what it began has ended well. */
  async acts(service: string): Promise<void> {
    const isDone = async () =>
      (
        await this.world.rows(`SELECT id FROM executions WHERE service_name = $1 AND status = 'succeeded'`, [
          service,
        ])
      ).length === 1;
    const { status } = await this.fire(service);
    if (status !== 202) throw new Error(`the alert was answered ${status}`);
    await until(isDone, WAIT_MS);
  }

  /** Sends the end of an alert to each of all services, and waits: they have a state then, and their rules are compiled. */
  async compile(services: readonly string[]): Promise<void> {
    const ends = services.map((service) => ({
      labels: { service },
      dedupKey: `before ${service}`,
      status: 'resolved',
    }));
    await this.api.post('/alerts', ends);
    const states = () => this.world.rows('SELECT FROM service_states');
    await until(async () => (await states()).length === services.length, WAIT_MS);
  }

  /** Lets a Redis have lists; before services are made that watch them. */
  async useLists(): Promise<void> {
    this.listsUrl = (await testRedisUrl()).redisUrl;
    const { password } = new URL(this.listsUrl);
    if (password !== '') secret(password);
    this.lists = new Redis(this.listsUrl);
  }

  /** The metric that is the length of a list. */
  lengthOf(key: string): { type: string; params: { url: string; key: string } } {
    return { type: 'redis_list_length', params: { url: this.listsUrl, key } };
  }

  /** The definition of a service that asks each second how long the list of its name is, and acts on more than two. */
  watching(name: string, changes: object = {}) {
    return {
      name,
      intervalSeconds: 1,
      metrics: { waiting: this.lengthOf(name) },
      condition: `waiting > ${WAITING_AT_MOST}`,
      holdSeconds: 2,
      actions: ['tell'],
      ...changes,
    };
  }

  watch(name: string, changes: object = {}): Promise<Json> {
    return this.api.create('/services', this.watching(name, changes));
  }

  /** Makes a list so long; one of none is gone. */
  async fill(list: string, count = WAITING_AT_MOST + 1): Promise<void> {
    const filling = this.lists.multi().del(list);
    if (count > 0) filling.rpush(list, ...Array<number>(count).fill(1));
    await filling.exec();
  }

  /** What the sink was told of a service. */
  told(service: string): SunkRequest[] {
    return this.sink.requests.filter(({ path }) => path === `/${service}`);
  }

  /** Waits until a service was told so often, and no more. */
  isTold(service: string, times = 1, withinMs = WAIT_MS): Promise<unknown> {
    return until(() => this.told(service).length === times, withinMs, `${service} is told ${times} times`);
  }

  async state(service: string): Promise<Json> {
    return (await this.api.get(`/services/${service}/state`)).body;
  }

  /** Waits until a service is in a phase. Answers its state then. */
  becomes(service: string, phase: string, withinMs = WAIT_MS): Promise<Json> {
    const inPhase = async () => {
      const state = await this.state(service);
      return state.phase === phase && state;
    };
    return until(inPhase, withinMs, `${service} is ${phase}`);
  }

  /** Alerts that match a service, the newest first. */
  async alerts(service: string): Promise<Json[]> {
    return (await this.api.get(`/alerts?service=${service}`)).body.items;
  }

  /** Intervals of a service's ledger, the oldest first. */
  async ledger(service: string): Promise<Json[]> {
    return (await this.api.all(`/services/${service}/decisions`)).reverse();
  }
}
