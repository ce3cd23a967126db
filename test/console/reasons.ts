/** A service for each phase and reason of the table in `docs/rules.md`, and what its page says of it. */
import { until, type Api, type MonscaleProcess } from '../program';

export interface ReasonCase {
  phase: string;
  reason: string;
  /** Name of the service that ends in it. */
  service: string;
  /** Sentence that says why. */
  sentence: RegExp;
  /** What would have to change. */
  toChange: RegExp;
  /** Words above it; by default those of what has not triggered. */
  toChangeIs?: string;
  /** What else the page says of it. */
  also?: RegExp;
}

const CLOCK = String.raw`\d\d:\d\d:\d\dZ`;
const matching = (text: string) => new RegExp(text.replaceAll('CLOCK', CLOCK));

/** Reasons that last, side by side. */
export const LASTING: ReasonCase[] = [
  {
    phase: 'ok',
    reason: 'condition_false',
    service: 'fine',
    sentence: /load is 9; "load > 50" is false/,
    toChange: /"load > 50" \(load is 9\) must become true/,
  },
  {
    phase: 'pending',
    reason: 'holding',
    service: 'held',
    sentence: matching('load is 9, over 5 for \\d+ s of 3600 s; triggers at CLOCK unless it ends'),
    toChange: matching('the condition must stay true until CLOCK'),
    also: /Hold ends in .* until \d{4}-\d\d-\d\d/,
  },
  {
    phase: 'unknown',
    reason: 'missing_data',
    service: 'blind',
    sentence: /load can't be read: cannot read .*; nothing triggers, the hold time stands still/,
    toChange: /load must be readable again/,
  },
  {
    phase: 'unknown',
    reason: 'disabled',
    service: 'asleep',
    sentence: /the service is disabled: it is not evaluated and never triggers/,
    toChange: /the service must be enabled/,
  },
  {
    phase: 'alarm',
    reason: 'silenced',
    service: 'muted',
    sentence: /load is 9, over 5.*; .* silenced it \("stock is counted"\) until \d{4}-/,
    toChange: /the silence must end, at \d{4}-.* or earlier by a person/,
    also: /Silenced by .*: stock is counted/,
  },
  {
    phase: 'alarm',
    reason: 'dependency',
    service: 'below',
    sentence: /wise, on which it depends, is in phase alarm/,
    toChange: /wise must leave that phase/,
    also: /It does not act while another is wrong:.*wise.*which stops it/s,
  },
  {
    phase: 'alarm',
    reason: 'wisdom',
    service: 'wise',
    sentence: matching('it triggered at CLOCK and may not again before CLOCK \\(wisdom time\\)'),
    toChange: matching('the wisdom time must end, at CLOCK or earlier by a person'),
    also: /Wisdom time ends in .* until \d{4}-\d\d-\d\d/,
  },
  {
    phase: 'alarm',
    reason: 'infrastructure_wisdom',
    service: 'second-up',
    sentence: matching('slow was scaled up lately and may not be again before CLOCK'),
    toChange: matching('the wisdom time of slow must end, at CLOCK'),
  },
  {
    phase: 'alarm',
    reason: 'flapping',
    service: 'flap-down',
    sentence: matching(
      'flappy was to go up and down more than 0 times within an hour, so nobody scales it before CLOCK',
    ),
    toChange: matching('the freeze of flappy must end, at CLOCK or earlier by a person'),
  },
  {
    phase: 'alarm',
    reason: 'nodes_unknown',
    service: 'uncounted',
    sentence: /the nodes of dark can't be counted, so it is not scaled: /,
    toChange: /the nodes of dark must be countable again/,
  },
  {
    phase: 'alarm',
    reason: 'missing_data',
    service: 'undirected',
    sentence: /its policy can't say how many nodes there should be: depth can't be read: /,
    toChange: /depth must be readable again/,
  },
  {
    phase: 'alarm',
    reason: 'at_max_nodes',
    service: 'full',
    sentence: /fixed has 2 nodes, its maximum is 2/,
    toChange: /fixed must have fewer than 2 nodes, or a higher maxNodes/,
  },
  {
    phase: 'alarm',
    reason: 'at_min_nodes',
    service: 'least',
    sentence: /fixed has 2 nodes, its minimum is 2/,
    toChange: /fixed must have more than 2 nodes, or a lower minNodes/,
  },
  {
    phase: 'alarm',
    reason: 'policy_satisfied',
    service: 'content',
    sentence: /roomy has 2 nodes, and its policy asks for no change/,
    toChange: /the policy must ask for more nodes than roomy has/,
  },
  {
    phase: 'alarm',
    reason: 'holding',
    service: 'again',
    sentence: matching(
      'it triggered at CLOCK, and its hold time of 3600 s runs anew; triggers again at CLOCK unless it ends',
    ),
    toChange: matching('the condition must stay true until CLOCK'),
    also: /Hold ends in /,
  },
  {
    phase: 'alarm',
    reason: 'not_repeating',
    service: 'once',
    sentence: matching('it triggered at CLOCK and does not again until it has recovered'),
    toChange: /the alarm must end first: "load > 5" must become false/,
  },
  {
    phase: 'alarm',
    reason: 'triggered',
    service: 'acted',
    sentence: matching('triggered at CLOCK'),
    toChange: matching('it triggers again at CLOCK at the earliest, if the condition stays true'),
    toChangeIs: 'What comes next:',
  },
  {
    phase: 'alarm',
    reason: 'shadowed',
    service: 'shadow',
    sentence: matching('would have triggered at CLOCK, but is in shadow mode'),
    toChange: /the mode must be auto or approve for it to act/,
    toChangeIs: 'For it to act:',
  },
  {
    phase: 'alarm',
    reason: 'awaiting_approval',
    service: 'asking',
    sentence: matching("triggered at CLOCK, and waits for a person's approval"),
    toChange: /a person must approve its executions/,
    toChangeIs: 'For it to act:',
  },
];

export const STOPPED: ReasonCase = {
  phase: 'alarm',
  reason: 'kill_switch',
  service: 'stopped',
  sentence: /load is 9, over 5.*; the kill switch is on, so nothing triggers/,
  toChange: /the kill switch must be turned off/,
};

export const UNSEEN: ReasonCase = {
  phase: 'unknown',
  reason: 'not_polled',
  service: 'fine',
  sentence: matching('nobody has looked since CLOCK, and it is to be read every 1 s'),
  toChange: /a worker must look again: is one running, and does it reach PostgreSQL and Redis\?/,
};

export const CASES: readonly ReasonCase[] = [...LASTING, STOPPED, UNSEEN];

const service = (name: string, more: object = {}) => ({
  name,
  intervalSeconds: 1,
  metrics: { load: { type: 'static_count', params: { value: 9 } } },
  condition: 'load > 5',
  wisdomSeconds: 3_600,
  ...more,
});
/** Fed by an alert, and so looked at once: what it did stays its reason. */
const alerted = (name: string, more: object = {}) =>
  service(name, { metrics: { load: { type: 'alert', params: { match: { service: name } } } }, ...more });
const scaling = (infrastructure: string, direction: 'up' | 'down', more: object = {}) => ({
  infrastructure,
  direction,
  ...more,
});
/** A metric that nobody answers. */
const UNREADABLE = { type: 'http_json', params: { url: 'http://127.0.0.1:1/', path: '$.depth' } };

/** Makes the services of all lasting reasons, and waits until each has its own. */
export async function makeLasting(program: MonscaleProcess): Promise<void> {
  const { api } = program;
  const two = { type: 'static_count', params: { value: 2 } };
  await api.create('/actions', { name: 'tell', type: 'log_message', params: { message: 'acted' } });
  for (const [name, more] of [
    ['slow', { nodes: two, upWisdomSeconds: 3_600 }],
    ['flappy', { nodes: two, maxDirectionChangesPerHour: 0 }],
    ['dark', { nodes: UNREADABLE }],
    ['fixed', { nodes: two, minNodes: 2, maxNodes: 2 }],
    ['roomy', { nodes: two }],
  ] as const)
    await api.create('/infrastructures', { name, ...more });
  await api.create('/silences', {
    match: { labels: { team: 'stock' } },
    endsAt: new Date(Date.now() + 3_600_000).toISOString(),
    reason: 'stock is counted',
  });
  const followsDepth = { type: 'target_tracking', params: { metric: 'depth', target: 1 } };
  const atTarget = { type: 'target_tracking', params: { metric: 'load', target: 9 } };
  for (const one of [
    service('fine', { condition: 'load > 50' }),
    service('held', { holdSeconds: 3_600 }),
    service('blind', { metrics: { load: UNREADABLE } }),
    service('asleep', { enabled: false }),
    service('muted', { labels: { team: 'stock' } }),
    service('wise'),
    service('first-up', scaling('slow', 'up')),
    service('flap-up', scaling('flappy', 'up')),
    service('uncounted', scaling('dark', 'up')),
    service('undirected', {
      ...scaling('roomy', 'up', { policy: followsDepth }),
      metrics: { load: { type: 'static_count', params: { value: 9 } }, depth: UNREADABLE },
    }),
    service('full', scaling('fixed', 'up')),
    service('least', scaling('fixed', 'down')),
    service('content', scaling('roomy', 'up', { policy: atTarget })),
    service('again', { holdSeconds: 1, wisdomSeconds: 0 }),
    service('once', { repeat: false }),
    alerted('acted'),
    alerted('shadow', { mode: 'shadow' }),
    alerted('asking', { mode: 'approve', actions: ['tell'] }),
  ])
    await api.create('/services', one);
  for (const name of ['acted', 'shadow', 'asking']) {
    // A new service is looked at once: that must not come after its alert, and find its wisdom time.
    await isSo(api, { service: name, phase: 'ok', reason: 'condition_false' });
    await api.post('/alerts', { labels: { service: name }, value: 9 });
  }
  await Promise.all([
    hasTriggered(api, 'first-up').then(() =>
      api.create('/services', service('second-up', scaling('slow', 'up'))),
    ),
    hasTriggered(api, 'flap-up').then(() =>
      api.create('/services', service('flap-down', scaling('flappy', 'down'))),
    ),
    hasTriggered(api, 'wise').then(() =>
      api.create('/services', service('below', { dependsOn: [{ service: 'wise' }] })),
    ),
    hasTriggered(api, 'again').then(() => api.patch('/services/again', { holdSeconds: 3_600 })),
  ]);
  for (const one of LASTING) await isSo(api, one);
}

/** Stops everything, and makes a service that would have acted. */
export async function makeStopped({ api }: MonscaleProcess): Promise<void> {
  await api.put('/kill-switch', { on: true, reason: 'to see what a page says' });
  await api.create('/services', service(STOPPED.service));
  await isSo(api, STOPPED);
}

/** Waits until a service is in its phase for its reason. */
export const isSo = (
  api: Api,
  { service, phase, reason }: Pick<ReasonCase, 'service' | 'phase' | 'reason'>,
): Promise<unknown> =>
  until(
    async () => {
      const { body } = await api.get(`/services/${service}/state`);
      return body.phase === phase && body.reason === reason;
    },
    10_000,
    `${service} is ${phase}, ${reason}`,
  );

const hasTriggered = (api: Api, name: string): Promise<unknown> =>
  until(
    async () => (await api.get(`/services/${name}/state`)).body.lastTriggeredAt !== undefined,
    10_000,
    `${name} has triggered`,
  );
