/** What is watched in the demo, and what is done: a document for `POST /import`. */
import { TEMPERATURE } from './world';

/** Load of a node that the rules aim at. */
const TARGET = 60;

/**
 * @param world origin of the demo's world
 * @param switches UDP ports of its switches
 */
export const definitions = (world: string, switches: readonly number[]) => ({
  monscale: 1,
  infrastructures: ['shop', 'search', 'payments'].map((name) => ({
    name,
    labels: { team: name === 'payments' ? 'money' : 'web' },
    minNodes: 1,
    maxNodes: 8,
    upWisdomSeconds: 10,
    downWisdomSeconds: 20,
    warmupSeconds: 20,
    maxDirectionChangesPerHour: 60,
    nodes: { type: 'http_json', params: { url: `${world}/fleets/${name}`, path: '$.nodes' } },
  })),
  actions: [
    ...['shop', 'search', 'payments'].map((name) => ({
      name: `scale ${name}`,
      description: `Orders nodes for ${name}`,
      type: 'webhook',
      params: { url: `${world}/fleets/${name}`, body: '{"nodes": {{ nodes.desired }}}' },
    })),
    {
      name: 'tell the team',
      type: 'chat',
      params: {
        service: 'slack',
        url: `${world}/receivers/chat`,
        text: '{{ service.name }}: {{ trigger.justification }}',
      },
    },
    { name: 'page', type: 'webhook', params: { url: `${world}/receivers/pager` } },
    {
      name: 'order a tape',
      description: 'Fails, as the robot is stuck',
      type: 'webhook',
      params: { url: `${world}/tape-robot/orders` },
      retry: { attempts: 3, backoffSeconds: 3 },
    },
  ],
  contacts: [
    {
      name: 'web team',
      description: 'Whoever looks after the shop and the pages',
      action: 'tell the team',
      events: ['approval', 'failed', 'unknown', 'flapping', 'blind'],
      schedule: {
        rrule: 'FREQ=DAILY;BYHOUR=6;BYMINUTE=0',
        timeZone: 'Europe/Madrid',
        durationSeconds: 18 * 3_600,
      },
      maxPerHour: 10,
      groupSeconds: 20,
      blindForSeconds: 30,
    },
    { name: 'night shift', action: 'page', events: ['unknown', 'silent_source'], labels: { team: 'data' } },
  ],
  services: [
    up(world, 'shop', 'auto', 'web'),
    down(world, 'shop', 'web'),
    up(world, 'search', 'approve', 'web'),
    up(world, 'payments', 'shadow', 'money'),
    ...switches.map((port, index) => ({
      name: `switch ${index + 1} too warm`,
      labels: { team: 'network', rack: `r${(index % 2) + 1}` },
      intervalSeconds: 2,
      metrics: {
        degrees: {
          type: 'snmp_oid',
          params: { host: '127.0.0.1', port, oid: TEMPERATURE, version: '2c', community: 'public' },
        },
      },
      condition: 'degrees > 70000',
      recovery: 'degrees < 65000',
      holdSeconds: 4,
      wisdomSeconds: 60,
      actions: ['tell the team'],
      then: [{ afterSeconds: 20, actions: ['page'] }],
    })),
    {
      name: 'switch 7 does not answer',
      labels: { team: 'network', rack: 'r2' },
      intervalSeconds: 5,
      metrics: { degrees: { type: 'http_json', params: { url: 'http://127.0.0.1:9/', path: '$.degrees' } } },
      condition: 'degrees > 70000',
      actions: ['page'],
    },
    ...['home', 'blog', 'status'].map((name) => ({
      name: `${name} page is down`,
      labels: { team: 'web', site: name },
      intervalSeconds: 2,
      metrics: { status: { type: 'http_status', params: { url: `${world}/sites/${name}` } } },
      condition: 'status >= 500',
      holdSeconds: 4,
      wisdomSeconds: 60,
      actions: ['tell the team'],
      onRecovery: ['tell the team'],
    })),
    {
      name: 'backup is due',
      labels: { team: 'data' },
      intervalSeconds: 5,
      metrics: {
        waiting: { type: 'http_json', params: { url: `${world}/fleets/payments`, path: '$.queue' } },
      },
      condition: 'waiting >= 0',
      wisdomSeconds: 90,
      actions: ['order a tape'],
    },
    {
      name: 'a disk is full',
      labels: { team: 'data' },
      metrics: { full: { type: 'alert', params: { match: { alertname: 'DiskFull' } } } },
      condition: 'full > 0',
      wisdomSeconds: 30,
      actions: ['tell the team'],
    },
    {
      name: 'night report is late',
      labels: { team: 'reports' },
      intervalSeconds: 5,
      metrics: { load: { type: 'static_count', params: { value: 97 } } },
      condition: 'load > 90',
      wisdomSeconds: 30,
      actions: ['page'],
    },
  ],
});

const loadOf = (world: string, fleet: string) => ({
  load: { type: 'http_json', params: { url: `${world}/fleets/${fleet}`, path: '$.load' } },
});

/** Rule that orders as many nodes as bring the load of each to its target. */
const up = (world: string, fleet: string, mode: 'auto' | 'approve' | 'shadow', team: string) => ({
  name: `${fleet} is short of nodes`,
  labels: { team },
  intervalSeconds: 2,
  metrics: loadOf(world, fleet),
  condition: `load > ${TARGET * 1.2}`,
  holdSeconds: 5,
  wisdomSeconds: mode === 'approve' ? 300 : 20,
  infrastructure: fleet,
  direction: 'up',
  policy: { type: 'target_tracking', params: { metric: 'load', target: TARGET } },
  actions: [`scale ${fleet}`],
  expect: { condition: `load < ${TARGET * 1.3}`, withinSeconds: 45 },
  mode,
});

/** Rule that lets one node go. */
const down = (world: string, fleet: string, team: string) => ({
  name: `${fleet} has nodes to spare`,
  labels: { team },
  intervalSeconds: 2,
  metrics: loadOf(world, fleet),
  condition: `load < ${TARGET * 0.6}`,
  holdSeconds: 10,
  wisdomSeconds: 20,
  infrastructure: fleet,
  direction: 'down',
  policy: { type: 'fixed', params: { nodes: 1 } },
  actions: [`scale ${fleet}`],
});
