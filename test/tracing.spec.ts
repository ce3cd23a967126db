import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { secret, until, World, type Api, type MonscaleProcess } from './program';
import { OtlpCollector, type ToldSpan } from './stand-ins/otlp-collector';
import { WebhookSink } from './stand-ins/webhook-sink';

/** A story starts the program, and has it end. */
jest.setTimeout(180_000);

const WAIT_MS = 15_000;
/** Long enough for spans to be sent that should not be. */
const QUIET_MS = 3_000;
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SENDER_SPAN = '00f067aa0ba902b7';
const KEY = secret('the-key-of-the-collector');
const PACKAGES = join(__dirname, 'stand-ins', 'told-packages.cjs');

/** A service fed by alerts alone, and an action that tells of it. */
async function watchAlerts(
  api: Api,
  url: string,
  name: string,
  action: object = {},
  service: object = {},
): Promise<void> {
  await api.create('/actions', { name, type: 'webhook', params: { url: `${url}/${name}` }, ...action });
  await api.create('/services', {
    name,
    metrics: { outage: { type: 'alert', params: { match: { concerns: name } } } },
    condition: 'outage > 0',
    wisdomSeconds: 600,
    actions: [name],
    ...service,
  });
}

const fire = (api: Api, name: string, traceparent?: string) =>
  api.post(
    '/alerts',
    { labels: { concerns: name }, annotations: { summary: 'PAYLOAD' } },
    traceparent === undefined ? {} : { traceparent },
  );

/** Spans of which each belongs to the one before; of what begins in the same moment, times say no order. */
function chainOf(spans: readonly ToldSpan[]): ToldSpan[] {
  const chain: ToldSpan[] = [];
  let next = spans.find(({ parent }) => !spans.some(({ spanId }) => spanId === parent));
  for (; next !== undefined; next = spans.find(({ parent }) => parent === chain.at(-1)!.spanId))
    chain.push(next);
  return chain;
}

const dropped = async (program: MonscaleProcess): Promise<number> => {
  const { body } = await program.root.get('/metrics');
  const counts = String(body).matchAll(/^monscale_spans_dropped_total\{reason="\w+"\} (\d+)$/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
};

describe('traces over processes', () => {
  const collector = new OtlpCollector();
  const sink = new WebhookSink();
  let world: World;
  let api: Api;
  let url: string;

  beforeAll(async () => {
    world = await World.create();
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: await collector.start(),
      OTEL_EXPORTER_OTLP_HEADERS: `x-collector-key=${KEY}`,
      OTEL_SERVICE_NAME: 'scaler',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    };
    url = await sink.start();
    const intake = await world.start('api', { env });
    await Promise.all([
      world.start('worker,scheduler', { env: { ...env, MONSCALE_QUEUES: 'polls,alerts' } }),
      world.start('worker', { env: { ...env, MONSCALE_QUEUES: 'actions' } }),
    ]);
    ({ api } = intake);
  }, 90_000);

  afterAll(async () => {
    expect(collector.problems).toEqual([]);
    await world?.end();
    await Promise.all([sink.stop(), collector.stop()]);
  });

  const told = (name: string) => sink.requests.filter(({ path }) => path === `/${name}`);
  const executions = (service: string) =>
    collector.named('execute').filter(({ facts }) => facts['monscale.service.name'] === service);
  const whole = async (service: string, attempts = 1): Promise<ToldSpan[]> => {
    const [first] = await until(() => {
      const some = executions(service);
      return some.length >= attempts && some;
    }, WAIT_MS);
    return until(() => {
      const spans = collector.trace(first!.traceId);
      return spans.some(({ name }) => name === 'decide') && spans;
    }, WAIT_MS);
  };
  const childOf = (span: ToldSpan | undefined) => ({ traceId: span?.traceId, parent: span?.spanId });
  const named = (spans: readonly ToldSpan[], name: string) => spans.filter((span) => span.name === name);

  it('an alert, its decision and the answer of the target are one trace, over three processes', async () => {
    await watchAlerts(api, url, 'web');
    expect((await fire(api, 'web')).status).toBe(202);
    await until(() => told('web').length === 1, WAIT_MS);
    await whole('web');
    const { traceId } = executions('web')[0]!;
    const spans = await until(() => {
      const some = collector.trace(traceId);
      return named(some, 'receive alerts').length === 1 && chainOf(some);
    }, WAIT_MS);
    expect(collector.trace(traceId)).toHaveLength(4);
    expect(spans.map(({ name }) => name)).toEqual(['receive alerts', 'commit alerts', 'decide', 'execute']);
    const [receive, commit, decide, execute] = spans;
    expect(receive).toMatchObject({
      kind: 2,
      parent: undefined,
      facts: { 'http.response.status_code': 202 },
    });
    expect(commit).toMatchObject({ ...childOf(receive), facts: { 'monscale.alerts.accepted': 1 } });
    expect(decide).toMatchObject({
      ...childOf(commit),
      facts: {
        'monscale.service.name': 'web',
        'monscale.phase': 'alarm',
        'monscale.trigger.kind': 'breach',
        'monscale.executions.count': 1,
      },
    });
    const [{ id }] = (await api.all('/executions?service=web')) as [{ id: string }];
    expect(execute).toMatchObject({
      ...childOf(decide),
      kind: 3,
      status: { code: 0 },
      facts: {
        'monscale.execution.id': id,
        'monscale.action.type': 'webhook',
        'monscale.attempt': 1,
        'monscale.outcome': 'succeeded',
      },
    });
    const instances = [receive, decide, execute].map((span) => span!.resource['service.instance.id']);
    expect(new Set(instances).size).toBe(3);
    expect(receive!.resource).toMatchObject({
      'service.name': 'scaler',
      'service.version': expect.any(String),
      'monscale.roles': 'api',
      'deployment.environment.name': 'test',
    });
    expect(told('web')[0]!.headers.traceparent).toBe(`00-${traceId}-${execute!.spanId}-01`);
    // What was sent is what is written down of it.
    const { body } = await api.get(`/executions/${id}`);
    expect(JSON.stringify(body.attempts)).toContain(execute!.spanId);
    expect(JSON.stringify(spans.map(({ facts }) => facts))).not.toContain('PAYLOAD');
    expect(collector.requests.every((headers) => headers['x-collector-key'] === KEY)).toBe(true);
  });

  it('the trace of a sender goes on, and what is no traceparent begins a new one', async () => {
    await Promise.all([watchAlerts(api, url, 'sent'), watchAlerts(api, url, 'nonsense')]);
    await fire(api, 'sent', `00-${TRACE}-${SENDER_SPAN}-01`);
    await fire(api, 'nonsense', `00-${TRACE}-${SENDER_SPAN}-01-and-more`);
    await whole('sent');
    expect(executions('sent')[0]!.traceId).toBe(TRACE);
    const first = await until(() => named(collector.trace(TRACE), 'receive alerts')[0], WAIT_MS);
    expect(first.parent).toBe(SENDER_SPAN);
    await whole('nonsense');
    expect(executions('nonsense')[0]!.traceId).not.toBe(TRACE);
  });

  it('a sender that does not record is followed: nothing is told, nor handed on', async () => {
    await watchAlerts(api, url, 'unrecorded');
    await fire(api, 'unrecorded', `00-${TRACE.replaceAll('4', '5')}-${SENDER_SPAN}-00`);
    await until(() => told('unrecorded').length === 1, WAIT_MS);
    await sleep(QUIET_MS);
    expect(told('unrecorded')[0]!.headers.traceparent).toBeUndefined();
    expect(executions('unrecorded')).toEqual([]);
  });

  it('a retry is a span of its own, beside the one that failed', async () => {
    await watchAlerts(api, url, 'again', { retry: { attempts: 3, backoffSeconds: 1 } });
    sink.next.push({ status: 503 });
    await fire(api, 'again');
    const spans = await whole('again', 2);
    const [decide] = named(spans, 'decide');
    const attempts = named(spans, 'execute');
    expect(attempts.map(({ facts, status }) => [facts['monscale.attempt'], status])).toEqual([
      [1, { code: 2, message: 'retryable' }],
      [2, { code: 0, message: '' }],
    ]);
    for (const attempt of attempts) expect(attempt).toMatchObject(childOf(decide));
    expect(told('again').map(({ headers }) => headers.traceparent)).toEqual(
      attempts.map(({ traceId, spanId }) => `00-${traceId}-${spanId}-01`),
    );
  });

  it('alerts of two senders that lead to one decision: it is linked to the other', async () => {
    await watchAlerts(api, url, 'both');
    const senders = [TRACE.replaceAll('4', '6'), TRACE.replaceAll('4', '7')];
    // Both wait on the queue together, for there is nobody to take them.
    const decider = world.processes[1]!;
    process.kill(decider.pid, 'SIGSTOP');
    try {
      for (const [disk, traceId] of senders.entries())
        await api.post(
          '/alerts',
          { labels: { concerns: 'both', disk: String(disk) } },
          { traceparent: `00-${traceId}-${SENDER_SPAN}-01` },
        );
    } finally {
      process.kill(decider.pid, 'SIGCONT');
    }
    const decides = await until(() => {
      const some = collector.named('decide').filter(({ facts }) => facts['monscale.service.name'] === 'both');
      const about = new Set(some.flatMap(({ traceId, links }) => [traceId, ...links.map((l) => l.traceId)]));
      return senders.every((traceId) => about.has(traceId)) && some;
    }, WAIT_MS);
    expect(decides.filter(({ facts }) => facts['monscale.trigger.kind'] === 'breach')).toHaveLength(1);
  });

  it('what is decided when the hold is over belongs to the trace of what began it', async () => {
    await watchAlerts(api, url, 'held', {}, { holdSeconds: 2 });
    await fire(api, 'held');
    const spans = await whole('held');
    const decides = await until(() => {
      const some = named(collector.trace(spans[0]!.traceId), 'decide');
      return some.length === 2 && some;
    }, WAIT_MS);
    expect(decides.map(({ facts }) => facts['monscale.phase'])).toEqual(['pending', 'alarm']);
    expect(decides[1]).toMatchObject(childOf(decides[0]));
    expect(executions('held')[0]).toMatchObject(childOf(decides[1]));
    // While nothing is pending, nothing of it is kept.
    const [{ state }] = await world.rows(
      'SELECT state FROM service_states JOIN services s ON s.id = service_id WHERE s.name = $1',
      ['held'],
    );
    expect(state.trace).toBeUndefined();
  });

  it('a poll, its decision and its action are one trace', async () => {
    await api.create('/actions', { name: 'polled', type: 'webhook', params: { url: `${url}/polled` } });
    await api.create('/services', {
      name: 'polled',
      intervalSeconds: 1,
      metrics: { load: { type: 'static_count', params: { value: 5 } } },
      condition: 'load > 2',
      wisdomSeconds: 600,
      actions: ['polled'],
    });
    await whole('polled');
    const { traceId } = executions('polled')[0]!;
    const spans = await until(() => {
      const some = collector.trace(traceId);
      return named(some, 'poll').length === 1 && some;
    }, WAIT_MS);
    const [poll] = named(spans, 'poll');
    const decide = named(spans, 'decide').find(({ facts }) => facts['monscale.trigger.id'] !== undefined);
    expect(poll).toMatchObject({
      kind: 5,
      parent: undefined,
      facts: { 'monscale.poll.interval_seconds': 1 },
    });
    expect(decide).toMatchObject(childOf(poll));
    expect(named(spans, 'execute')).toEqual([expect.objectContaining(childOf(decide))]);
  });

  it('what has ended is told before the process does', async () => {
    await watchAlerts(api, url, 'last');
    const before = collector.named('receive alerts').length;
    await fire(api, 'last');
    expect(await world.processes[0]!.stop()).toBe(0);
    expect(collector.named('receive alerts').length).toBe(before + 1);
  });
});

describe('in one process', () => {
  const collector = new OtlpCollector();
  const sink = new WebhookSink();
  const worlds: World[] = [];
  let url: string;

  beforeAll(async () => (url = await sink.start()));
  afterAll(async () => {
    await Promise.all(worlds.map((world) => world.end()));
    await Promise.all([sink.stop(), collector.stop()]);
  });

  /** Starts everything in one process, and has an alert trigger an action. */
  const story = async (name: string, env: Record<string, string>): Promise<MonscaleProcess> => {
    const world = await World.create();
    worlds.push(world);
    const program = await world.start('all', {
      env: { ...env, NODE_OPTIONS: `--require ${JSON.stringify(PACKAGES)}` },
    });
    await watchAlerts(program.api, url, name);
    await fire(program.api, name, `00-${TRACE}-${SENDER_SPAN}-01`);
    await until(() => sink.requests.some(({ path }) => path === `/${name}`), WAIT_MS);
    return program;
  };
  const headers = (name: string) => sink.requests.find(({ path }) => path === `/${name}`)!.headers;

  it('what is handed on without a queue is one trace as well', async () => {
    const near = new OtlpCollector();
    await story('near', { OTEL_EXPORTER_OTLP_ENDPOINT: await near.start() });
    await until(() => near.named('execute').length > 0, WAIT_MS);
    const spans = chainOf(near.trace(TRACE));
    expect(spans.map(({ name }) => name)).toEqual(['receive alerts', 'commit alerts', 'decide', 'execute']);
    expect(spans.map(({ parent }) => parent)).toEqual([
      SENDER_SPAN,
      ...spans.slice(0, -1).map(({ spanId }) => spanId),
    ]);
    expect(headers('near').traceparent).toBe(`00-${TRACE}-${spans[3]!.spanId}-01`);
    expect(near.problems).toEqual([]);
    await near.stop();
  });

  it('off, no package of OpenTelemetry is loaded, and no context is handed on', async () => {
    const program = await story('off', { OTEL_SERVICE_NAME: 'monscale' });
    expect(headers('off').traceparent).toBeUndefined();
    expect(program.output).not.toContain('loaded @opentelemetry/');
    const [{ variables }] = await worlds.at(-1)!.rows('SELECT variables FROM executions');
    expect(variables.trace).toBeUndefined();
  });

  it('with a share of 0 nothing is sent', async () => {
    const program = await story('none', {
      OTEL_EXPORTER_OTLP_ENDPOINT: await collector.start(),
      OTEL_TRACES_SAMPLER: 'traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0',
    });
    expect(program.output).toContain('loaded @opentelemetry/');
    await sleep(QUIET_MS);
    expect(headers('none').traceparent).toBeUndefined();
    expect(collector.requests).toEqual([]);
  });

  it('a dead collector costs counted drops alone', async () => {
    const program = await story('dead', {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
      OTEL_EXPORTER_OTLP_TIMEOUT: '1000',
    });
    await until(async () => (await dropped(program)) > 0, WAIT_MS);
    expect(program.output).toContain("spans can't be sent and are dropped");
    expect((await program.root.get('/health/ready')).status).toBe(200);
    expect(await program.stop()).toBe(0);
  });

  it('a collector that never answers does not hold up the end', async () => {
    const silent = new OtlpCollector();
    silent.hangs = true;
    const program = await story('silent', { OTEL_EXPORTER_OTLP_ENDPOINT: await silent.start() });
    await until(() => silent.requests.length > 0, WAIT_MS);
    expect(await program.stop()).toBe(0);
    expect(program.output).toContain('spans were not sent before the end');
    await silent.stop();
  });
});
