/**
 * Requests that are wrong, or nearly: something odd at every place of every body, path and query that the API's own
 * description names.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Json } from './program';

export interface Request {
  method: string;
  path: string;
  body?: Json;
}

/** What JSON can hold and hardly any field wants. */
const ODD_VALUES: unknown[] = [
  null, [], [[]], [[[]]], [null], [{}], [[{}]], ['a'], [0], {}, { a: null }, { a: {} }, { a: [[]] }, true, false,
  0, -0, -1, 0.5, 7, 1e308, -1e308, 5e-324, Number.MAX_SAFE_INTEGER + 2, '', ' ', '0', '1e999', 'NaN', 'null', 'true',
  'a\0b', '\ud800', '\udc00\ud83d', '😀', '__proto__', 'constructor', '{{', '{{ a | b }}', '{% if %}', '((', '$[', '$..[?@]',
  '../../etc/passwd', "'; --", '%', '1.2.3', 'http://', 'http://[', 'redis://', '2026-02-31T25:00:00Z', 'x'.repeat(20_001),
  { env: 'HOME' }, { file: '/etc/passwd' }, { secret: true }, { sealed: 'AAAA' }, { regex: '(' }, { length: 1 }, { then: 1 },
  { toString: 1, valueOf: null, hasOwnProperty: [] }, JSON.parse('{"__proto__": {"polluted": true}}'),
  { constructor: { prototype: 1 } },
]; // prettier-ignore

/** Texts of paths and queries, percent-encoded. */
const ODD_TEXTS = [
  '', '%20', '%00', 'a%00b', '%ED%A0%80', '%FF', '%F0%9F%98%80', '__proto__', 'constructor', '%5B%5D', '..%2F..%2Fetc', '%27%3B--',
  '-1', '0', '1.5', '1e999', 'NaN', 'Infinity', 'null', 'true', '9'.repeat(400), 'x'.repeat(400),
  '00000000-0000-0000-0000-000000000000', '00000000-0000-7000-8000-00000000000g', '2026-13-01T00:00:00Z', '0000-01-01', '9999-12-31',
  '2026-11-22T10:00:00%2B99:99',
]; // prettier-ignore

/** Names that an object hardly has. */
const ODD_NAMES = ['__proto__', 'constructor', 'toString', 'a/b~c', ''];

const NOBODY = '00000000-0000-7000-8000-000000000000';

const INFRASTRUCTURE = {
  name: 'web',
  description: 'd',
  labels: { a: 'b' },
  minNodes: 1,
  maxNodes: 3,
  upWisdomSeconds: 0,
  nodes: { type: 'static_count', params: { value: 1 } },
};
const ACTION = {
  name: 'tell',
  type: 'log_message',
  params: { message: 'm {{ service.name }}', level: 'info' },
  timeoutSeconds: 3,
  retry: { attempts: 1, backoffSeconds: 1, maxBackoffSeconds: 2 },
};
const SERVICE = {
  name: 'watch',
  labels: { a: 'b' },
  enabled: false,
  intervalSeconds: 10,
  maxActionsPerHour: 3,
  metrics: {
    cpu: {
      type: 'static_count',
      params: { value: 1 },
      timeoutSeconds: 1,
      window: { function: 'avg', seconds: 60 },
    },
    out: {
      type: 'alert',
      params: { match: { a: 'b', c: { regex: 'd' } }, value: '$.value', ttlSeconds: 30 },
    },
  },
  condition: 'cpu > 80.0 || out == 1.0',
  recovery: 'cpu < 60.0',
  holdSeconds: 1,
  wisdomSeconds: 1,
  missingData: 'hold',
  infrastructure: 'web',
  direction: 'up',
  policy: { type: 'step', params: { metric: 'cpu', threshold: 80, steps: [{ lower: 0, adjustment: 1 }] } },
  actions: ['tell'],
  onRecovery: ['tell'],
  then: [{ afterSeconds: 5, actions: ['tell'] }],
  expect: { condition: 'cpu < 70.0', withinSeconds: 9 },
  mode: 'auto',
};
const SOURCE = {
  name: 'traps',
  format: 'snmp',
  params: {
    communities: ['c'],
    users: [{ user: 'u', level: 'authNoPriv', authProtocol: 'sha', authKey: 'a-key-of-eight' }],
    allowFrom: ['10.0.0.0/8'],
    relays: ['10.0.0.0/8'],
    pairs: [{ raise: '1.3.6.1', clear: '1.3.7', key: ['1.3.6.3'] }],
    events: [{ oid: '1.3.6.2', key: ['1.3.6.3'] }],
  },
  silentAfterSeconds: 60,
};
const TELL = {
  name: 'post',
  type: 'webhook',
  params: { url: 'http://127.0.0.1:9/', body: '{"text": "{{ message.text }}"}' },
};
const CONTACT = {
  name: 'on call',
  description: 'd',
  action: 'post',
  events: ['failed', 'blind'],
  labels: { a: 'b' },
  schedule: { rrule: 'FREQ=WEEKLY;BYDAY=MO;BYHOUR=9', timeZone: 'Europe/Madrid', durationSeconds: 3600 },
  maxPerHour: 3,
  groupSeconds: 60,
  blindForSeconds: 60,
};
/** What the requests are about, in the order in which it is made. */
export const DEFINITIONS: [kind: string, definition: Json][] = [
  ['infrastructures', INFRASTRUCTURE],
  ['actions', ACTION],
  ['services', SERVICE],
  ['sources', SOURCE],
  ['actions', TELL],
  ['contacts', CONTACT],
];
const ALERT = {
  service: 'watch',
  metric: 'out',
  value: 1,
  status: 'firing',
  labels: { a: 'b' },
  annotations: { c: 'd' },
  dedupKey: 'k',
  at: '2026-11-29T00:00:00Z',
};
const RANGE = { from: '2026-11-29T00:00:00Z', to: '2026-11-29T01:00:00Z' };
const DOCUMENT = {
  infrastructures: [INFRASTRUCTURE],
  actions: [ACTION],
  services: [SERVICE],
  sources: [SOURCE],
  contacts: [CONTACT],
};

const USER = {
  name: 'anna',
  displayName: 'A',
  email: 'a@b.example',
  groups: ['g'],
  disabled: false,
  password: 'a long password',
};
const RIGHTS = { role: 'viewer', approve: true, scope: { labels: { team: 'web' } } };
const GRANT = { subject: { group: 'g' }, ...RIGHTS };

const SILENCE = {
  match: { services: ['watch'], labels: { a: 'b' }, infrastructures: ['web'] },
  mutes: 'scale_down',
  startsAt: '2026-11-29T00:00:00Z',
  endsAt: '2099-01-01T00:00:00Z',
  schedule: { rrule: 'FREQ=WEEKLY;BYDAY=SA;BYHOUR=2', timeZone: 'Europe/Madrid', durationSeconds: 60 },
  reason: 'r',
  endWhenOkForSeconds: 60,
  onEnd: 'wait',
};
const SWITCH = { change: { enabled: false }, dryRun: true };

/** Bodies that are right, by operation; those of `DEFINITIONS` besides. */
const BODIES: Record<string, Json[]> = {
  'POST /api/v1/simulations': [
    { service: SERVICE, series: { cpu: [[0, 90], [9, null]], out: [[0, 1]] }, nodes: 2, evaluateEverySeconds: 5 },
    { service: 'watch', ...RANGE },
  ],
  'POST /api/v1/tools/metrics/try': [{ type: 'static_count', params: { value: 1 }, timeoutSeconds: 1 }],
  'POST /api/v1/tools/snmp/walk': [
    { host: '127.0.0.1', port: 1, version: '2c', community: 'c', oid: '1.3.6', retries: 0, timeoutSeconds: 0.1, rowsAtMost: 2 },
  ],
  'POST /api/v1/actions/{ref}/test': [{ dryRun: true, variables: { nodes: { current: 1 }, service: {} } }],
  'POST /api/v1/executions/retry': [{ status: 'failed', service: 'watch', action: 'tell', ...RANGE }],
  'POST /api/v1/executions/resume': [{ executions: [NOBODY], dryRun: true }],
  'POST /api/v1/executions/{id}/resolve': [{ status: 'failed', note: 'n' }],
  'POST /api/v1/executions/{id}/approve': [{ note: 'n' }],
  'POST /api/v1/executions/{id}/reject': [{ note: 'n' }],
  'POST /api/v1/services/bulk': [
    { select: { filter: { search: 'watch', label: 'a=b' } }, change: { enabled: false, mode: 'auto', labels: { a: 'b' } }, dryRun: true },
    { select: { ids: [NOBODY] }, ...SWITCH },
  ],
  'POST /api/v1/actions/bulk': [{ select: { ids: [NOBODY] }, ...SWITCH }],
  'POST /api/v1/infrastructures/bulk': [{ select: { filter: { search: 'web' } }, ...SWITCH }],
  'POST /api/v1/services/{ref}/acknowledge': [{ note: 'n', forSeconds: 60 }],
  'POST /api/v1/silences': [SILENCE],
  'PUT /api/v1/silences/{ref}': [SILENCE],
  'PATCH /api/v1/silences/{ref}': [SILENCE],
  'POST /api/v1/silences/preview': [{ silence: SILENCE }],
  'POST /api/v1/contacts/preview': [{ schedule: { rrule: 'FREQ=DAILY', timeZone: 'UTC', durationSeconds: 60 } }],
  'PUT /api/v1/kill-switch': [{ on: false, reason: 'r' }],
  'POST /api/v1/import': [DOCUMENT],
  'POST /api/v1/alerts': [ALERT, [{ labels: { a: 'b' } }, { service: 'watch', metric: 'out' }]],
  'POST /api/v1/alerts/{format}': [ALERT],
  'PUT /api/v1/alerts/{format}': [ALERT],
  'POST /api/v1/mibs': ['A DEFINITIONS ::= BEGIN END'],
  'PUT /trap': [{ name: 'watch', value: 1 }],
  'POST /api/v1/users': [USER],
  'PUT /api/v1/users/{ref}': [USER],
  'PATCH /api/v1/users/{ref}': [USER],
  'POST /api/v1/grants': [GRANT],
  'PUT /api/v1/grants/{ref}': [GRANT],
  'PATCH /api/v1/grants/{ref}': [GRANT],
  'POST /api/v1/tokens': [{ name: 't', expiresInDays: 1, ...RIGHTS }],
  'POST /api/v1/session': [{ username: 'anna', password: 'a long password' }],
  'PUT /api/v1/session/password': [{ password: 'a long password', newPassword: 'another long password' }],
  'POST /api/v1/setup': [{ token: 't', username: 'anna', password: 'a long password' }],
}; // prettier-ignore

/** Every request of the kind. @throws Error where a body is described of which none is known here */
export function wrongRequests(document: Json, mappings: Json): Request[] {
  const requests: Request[] = [];
  for (const [path, operations] of Object.entries<Json>(document.paths))
    for (const [verb, operation] of Object.entries<Json>(operations)) {
      const method = verb.toUpperCase();
      const bodies = bodiesOf(method, path, operation);
      requests.push(...withOddUrl(method, path, operation, bodies[0]));
      // What is deleted is missed by the others.
      if (method === 'DELETE' || method === 'GET' || method === 'HEAD') continue;
      const names = [...fieldsOf(document, operation), ...ODD_NAMES];
      for (const body of bodies.length > 0 ? bodies : [{}])
        for (const odd of spoilt(body, names)) requests.push({ method, path: filled(path), body: odd });
    }
  return [...requests, ...withOddParams(mappings)];
}

function bodiesOf(method: string, path: string, { requestBody }: Json): Json[] {
  if (requestBody === undefined) return [];
  const kind = DEFINITIONS.find(([name]) => [`/api/v1/${name}`, `/api/v1/${name}/{ref}`].includes(path));
  const bodies = kind ? [kind[1]] : BODIES[`${method} ${path}`];
  if (bodies === undefined) throw new Error(`add a body of ${method} ${path} to BODIES`);
  return bodies;
}

function fieldsOf({ components }: Json, { requestBody }: Json): string[] {
  const reference: string = requestBody?.content?.['application/json']?.schema?.$ref ?? '';
  return Object.keys(components.schemas[reference.split('/').at(-1)!]?.properties ?? {});
}

function* withOddUrl(
  method: string,
  path: string,
  { parameters = [] }: Json,
  body: Json,
): Generator<Request> {
  if (method === 'DELETE') return;
  for (const { in: where, name } of parameters)
    for (const text of ODD_TEXTS) {
      if (where === 'path') yield { method, path: filled(path.replace(`{${name}}`, text)), body };
      if (where === 'query')
        for (const query of [`${name}=${text}`, `${name}=${text}&${name}=${text}`, `${name}[a]=${text}`])
          yield { method, path: `${filled(path)}?${query}`, body };
    }
  for (const query of ['zz=1', '__proto__=1', 'constructor[prototype]=1', '%00=1', '=', '&&', '%ZZ'])
    yield { method, path: `${filled(path)}?${query}`, body };
}

/** What a path names is there, where it can be. */
function filled(path: string): string {
  const [, definition] = DEFINITIONS.find(([kind]) => path.startsWith(`/api/v1/${kind}/`)) ?? [];
  return path
    .replace('{ref}', definition?.name ?? NOBODY)
    .replace('{format}', 'native')
    .replace(/\{\w+\}/, NOBODY)
    .replace(/import$/, 'import?dryRun=true');
}

/** Every example of the docs of metrics, actions and policies, with something odd among its params. */
function* withOddParams(mappings: Json): Generator<Request> {
  const fields = (kind: string, type: string) =>
    Object.keys(mappings[kind].find((mapping: Json) => mapping.type === type)?.paramsSchema.properties ?? {});
  const {
    recovery: _recovery,
    expect: _expect,
    infrastructure: _web,
    direction: _up,
    policy: _step,
    ...plain
  } = SERVICE;
  for (const { type, params } of examples('metrics'))
    for (const odd of spoilt(params ?? {}, fields('metrics', type)))
      yield {
        method: 'PUT',
        path: '/api/v1/services/watch',
        body: { ...plain, condition: 'm > 1.0', metrics: { m: { type, params: odd } } },
      };
  for (const { type, params } of examples('actions'))
    for (const odd of spoilt(params ?? {}, fields('actions', type)))
      yield { method: 'PUT', path: '/api/v1/actions/tell', body: { ...ACTION, type, params: odd } };
  for (const { type, params } of examples('policies'))
    for (const odd of spoilt(params ?? {}, fields('policies', type)))
      yield {
        method: 'PUT',
        path: '/api/v1/services/watch',
        body: { ...SERVICE, policy: { type, params: odd } },
      };
}

/** The first JSON block of each page of a folder of docs, where it is that of a mapping. */
function examples(folder: string): Json[] {
  const docs = join(__dirname, '..', 'docs', folder);
  return readdirSync(docs).flatMap((page) => {
    const [, json = '{}'] = /```json\n([\s\S]*?)```/.exec(readFileSync(join(docs, page), 'utf8')) ?? [];
    const example: Json = JSON.parse(json);
    return example.type && example.params ? [example] : [];
  });
}

type Place = (string | number)[];

/** The value with something odd at one of its places, or under one of the names that it might have too. */
function* spoilt(value: Json, names: readonly string[]): Generator<Json> {
  const more = typeof value === 'object' ? names.filter((name) => !Object.hasOwn(value, name)) : [];
  for (const place of [...placesIn(value), ...more.map((name) => [name])])
    for (const odd of ODD_VALUES) yield withAt(value, place, odd);
}

/** Every place in a JSON value, the value itself first. */
function placesIn(value: Json, place: Place = []): Place[] {
  const names = typeof value === 'object' && value !== null ? Object.keys(value) : [];
  return [place, ...names.flatMap((name) => placesIn(value[name], [...place, name]))];
}

function withAt(value: Json, [name, ...rest]: Place, odd: unknown): Json {
  if (name === undefined) return odd;
  const copy = Array.isArray(value) ? [...value] : { ...value };
  const changed = withAt(Object.hasOwn(value, name) ? value[name] : undefined, rest, odd);
  Object.defineProperty(copy, name, { value: changed, enumerable: true, writable: true, configurable: true });
  return copy;
}
