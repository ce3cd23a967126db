import { isIPv6 } from 'node:net';
import { step } from '../common/check';
import type { FieldError } from '../common/errors';
import { Turns } from '../common/turns';
import { DEFINITIONS_AT_MOST, isObject, noEntries, TOO_MANY, type Entries, type Entry } from './document';

/** Types of the mappings in this build. */
export interface Known {
  metrics: ReadonlySet<string>;
  actions: ReadonlySet<string>;
}

/** Threshold that can't be mapped. In monscale 2014 it was a definition of its own; here it is not. */
export interface Unmappable {
  pointer: string;
  name: string;
  errors: FieldError[];
}

export interface Converted {
  entries: Entries;
  /** Points for a person to look after. */
  notes: FieldError[];
  thresholds: Unmappable[];
  /** Errors that show it is no export of monscale 2014. */
  errors: FieldError[];
}

type Values = Record<string, unknown>;

/** Reader of one object's fields; gathers what is wrong with each, and knows which were not read. */
class Fields {
  readonly errors: FieldError[] = [];
  private readonly taken = new Set<string>();

  constructor(
    private readonly values: Values,
    readonly pointer: string,
  ) {}

  text(name: string): string {
    const value = this.given(name);
    if (typeof value === 'string' && value !== '') return value;
    return this.wrong(name, value === undefined ? 'is required' : 'must be a text', '');
  }

  optionalText(name: string): string | undefined {
    return this.isGiven(name) ? this.text(name) : undefined;
  }

  /** Returns a number, also one that was given as a text. */
  number(name: string, fallback?: number): number {
    const value = this.given(name) ?? fallback;
    const isNumeric = typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value);
    const number = isNumeric ? Number(value) : value;
    if (typeof number === 'number' && Number.isFinite(number)) return number;
    return this.wrong(name, value === undefined ? 'is required' : 'must be a number', 0);
  }

  optionalNumber(name: string): number | undefined {
    return this.isGiven(name) ? this.number(name) : undefined;
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.given(name) ?? fallback;
    return typeof value === 'boolean' ? value : this.wrong(name, 'must be true or false', fallback);
  }

  texts(name: string): string[] {
    const value = this.given(name) ?? [];
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
    return this.wrong(name, 'must be a list of names', []);
  }

  below(name: string): Fields {
    const value = this.given(name) ?? {};
    if (isObject(value)) return new Fields(value, this.pointer + step(name));
    return this.wrong(name, 'must be an object', new Fields({}, this.pointer + step(name)));
  }

  isGiven(name: string): boolean {
    return this.given(name) !== undefined;
  }

  /** Returns the names of fields that were not read. */
  left(): string[] {
    return Object.keys(this.values).filter((name) => !this.taken.has(name));
  }

  refuseLeft(): void {
    for (const name of this.left()) this.wrong(name, 'is not a field that monscale 2014 had here', undefined);
  }

  wrong<T>(name: string, detail: string, instead: T): T {
    this.errors.push({ pointer: name === '' ? this.pointer : this.pointer + step(name), detail });
    return instead;
  }

  /** Returns a field's value; `null` was Django's word for a missing one. */
  private given(name: string): unknown {
    this.taken.add(name);
    return this.values[name] ?? undefined;
  }
}

interface Target {
  type: string;
  params: (data: Fields) => Values;
}

/** Mappings for the metrics of 2014, and how a service's `data` becomes params. */
const METRICS: Record<string, Target> = {
  snmp_oid: {
    type: 'snmp_oid',
    params: (data) => ({
      host: data.optionalText('host') ?? 'localhost',
      ...some('port', data.optionalNumber('port')),
      ...snmpParams(data),
    }),
  },
  snmp_oid_service_avg: { type: 'snmp_oid_average', params: snmpParams },
  redis_list_length: {
    type: 'redis_list_length',
    params: (data) => {
      const host = data.optionalText('redis_host') ?? 'localhost';
      const port = data.number('redis_port', 6379);
      const url = `redis://${isIPv6(host) ? `[${host}]` : host}:${port}/${data.number('redis_db', 0)}`;
      return { url, key: data.text('redis_list_name') };
    },
  },
  http_content: {
    type: 'http_content',
    params: (data) => ({ url: data.text('url'), equals: data.text('content') }),
  },
  number_of_nodes: { type: 'number_of_nodes', params: () => ({}) },
};

const METRICS_WITHOUT: Record<string, string> = {
  http_response_time:
    'http_response_time was named in monscale 2014 and never written: it has no data to map',
  log4iberia_http_response_time:
    "log4iberia_http_response_time was one user's own: a number in a Redis key, deleted when read; nothing here does that",
};

/** Keys of a service's `data` that some metric used; keys of metrics that the service does not have were never read. */
const METRIC_KEYS = new Set([
  'host', 'port', 'snmp_read_comunity', 'snmp_variable', 'redis_host', 'redis_port', 'redis_db', 'redis_list_name', 'url',
  'content',
]); // prettier-ignore

const ACTIONS: Record<string, Target> = {
  launch_cloudforms_vmachine: { type: 'cloudforms_provision', params: cloudForms },
  destroy_cloudforms_vmachine: { type: 'cloudforms_retire', params: cloudForms },
  add_f5_pool_members: { type: 'f5_pool_members', params: (data) => f5(data, 'add') },
  del_f5_pool_members: { type: 'f5_pool_members', params: (data) => f5(data, 'remove') },
  publish_msg_to_sns_topic: {
    type: 'sns_publish',
    params: (data) => {
      const topicArn = data.text('topic');
      const region = data.optionalText('region');
      if (region !== undefined && topicArn.startsWith('arn:') && topicArn.split(':')[3] !== region)
        data.wrong('region', 'is not the region of the topic, which counts here', undefined);
      return {
        topicArn,
        message: literal(data.text('message')),
        ...some('subject', literal(data.optionalText('subject'))),
        ...some('accessKeyId', data.optionalText('aws_access_key')),
        ...some('secretAccessKey', data.optionalText('aws_secret_key')),
      };
    },
  },
  log_info_message: { type: 'log_message', params: (data) => ({ message: literal(data.text('message')) }) },
};

const OPERANDS: Record<string, string> = { '>': '>', '<': '<', '=': '==', '<=': '<=', '>=': '>=' };

interface Threshold {
  metric: string;
  condition: string;
  holdSeconds: number;
}

/**
 * Converts the list that `manage.py export` of monscale 2014 wrote to the entries of a document. Nothing is guessed:
 * what has no counterpart is an error of its object.
 */
export async function entriesOf2014(exported: readonly unknown[], has: Known): Promise<Converted> {
  const turns = new Turns();
  const entries = noEntries();
  const notes: FieldError[] = [];
  const thresholds = new Map<string, Threshold | undefined>();
  const unmappable: Unmappable[] = [];
  const errors: FieldError[] = [];
  const services: Fields[] = [];
  if (exported.length > DEFINITIONS_AT_MOST)
    return { entries, notes, thresholds: unmappable, errors: [{ pointer: '', detail: TOO_MANY }] };
  // Thresholds first: services are made of them, wherever they stand.
  for (const [index, object] of exported.entries()) {
    const pointer = step(index);
    await turns.next();
    if (!isObject(object)) {
      errors.push({ pointer, detail: 'must be an object with a type' });
      continue;
    }
    const { type, ...values } = object;
    const fields = new Fields(values, pointer);
    if (type === 'ScaleAction') entries.actions.push(action(fields, has));
    else if (type === 'ServiceInfrastructure') entries.infrastructures.push(infrastructure(fields, notes));
    else if (type === 'MonitoredService') services.push(fields);
    else if (type === 'Threshold') threshold(fields, has, thresholds, unmappable);
    else
      errors.push({
        pointer: `${pointer}/type`,
        detail: 'must be one of ScaleAction, Threshold, ServiceInfrastructure, MonitoredService',
      });
  }
  for (const fields of services) {
    await turns.next();
    entries.services.push(service(fields, thresholds, notes));
  }
  return { entries, notes, thresholds: unmappable, errors };
}

function action(fields: Fields, has: Known): Entry {
  const name = fields.text('name');
  const named = fields.text('action');
  const data = fields.below('data');
  const target = Object.hasOwn(ACTIONS, named) ? ACTIONS[named] : undefined;
  if (target === undefined) {
    if (named !== '') fields.wrong('action', `${named} is no action of monscale 2014`, undefined);
    return entry(fields, name, undefined);
  }
  if (!has.actions.has(target.type))
    fields.wrong('action', `${named} would be ${target.type}, which this build does not have`, undefined);
  const params = target.params(data);
  data.refuseLeft();
  return entry(fields, name, { name, type: target.type, params }, data);
}

function infrastructure(fields: Fields, notes: FieldError[]): Entry {
  const name = fields.text('name');
  const body = { name, minNodes: fields.number('min_nodes', 1), maxNodes: fields.number('max_nodes', 8) };
  notes.push({
    pointer: fields.pointer,
    detail: `its nodes were counted by the CloudForms tag monitoredservice/${name}; say in "nodes" how they are counted now`,
  });
  return entry(fields, name, body);
}

function threshold(
  fields: Fields,
  has: Known,
  thresholds: Map<string, Threshold | undefined>,
  unmappable: Unmappable[],
): void {
  const name = fields.text('assessment');
  const metric = fields.text('metric');
  const operand = fields.text('operand');
  const value = fields.number('value');
  const holdSeconds = fields.number('time_limit', 0);
  fields.refuseLeft();
  const problem = metric === '' ? undefined : metricProblem(metric, has);
  if (problem !== undefined) fields.wrong('metric', problem, undefined);
  if (operand !== '' && !Object.hasOwn(OPERANDS, operand))
    fields.wrong('operand', `must be one of ${Object.keys(OPERANDS).join(' ')}`, undefined);
  if (thresholds.has(name)) fields.wrong('assessment', 'is the name of another Threshold too', undefined);
  const condition = `${METRICS[metric]?.type} ${OPERANDS[operand]} ${value}`;
  const isMapped = fields.errors.length === 0;
  thresholds.set(name, isMapped ? { metric, condition, holdSeconds } : undefined);
  if (!isMapped) unmappable.push({ pointer: fields.pointer, name, errors: fields.errors });
}

function metricProblem(metric: string, has: Known): string | undefined {
  if (Object.hasOwn(METRICS_WITHOUT, metric)) return METRICS_WITHOUT[metric];
  if (!Object.hasOwn(METRICS, metric)) return `${metric} is no metric of monscale 2014`;
  const { type } = METRICS[metric]!;
  return has.metrics.has(type) ? undefined : `${metric} would be ${type}, which this build does not have`;
}

function service(
  fields: Fields,
  thresholds: ReadonlyMap<string, Threshold | undefined>,
  notes: FieldError[],
): Entry {
  const name = fields.text('name');
  const data = fields.below('data');
  const used = fields.texts('threshold').map((assessment) => {
    const found = thresholds.get(assessment);
    const why = thresholds.has(assessment) ? "can't be mapped" : 'is not in the document';
    if (found === undefined)
      fields.wrong('threshold', `the Threshold ${JSON.stringify(assessment)} ${why}`, undefined);
    return found;
  });
  if (used.length === 0) fields.wrong('threshold', 'must name at least one Threshold', undefined);
  const mapped = used.filter((one) => one !== undefined);
  const types = [...new Set(mapped.map(({ metric }) => metric))].map((metric) => METRICS[metric]!);
  // Whoever had its token could PUT /trap a number for any service.
  const metrics = types.map(
    ({ type, params }) => [type, { type, params: params(data), acceptsPushed: true }] as const,
  );
  const infrastructure = fields.optionalText('infrastructure');
  const body = {
    name,
    enabled: fields.flag('active', true),
    intervalSeconds: 10,
    metrics: Object.fromEntries(metrics),
    condition: mapped.map(({ condition }) => condition).join(' && '),
    holdSeconds: Math.max(0, ...mapped.map(({ holdSeconds }) => holdSeconds)),
    wisdomSeconds: fields.number('wisdom_time', 120),
    repeat: true,
    missingData: 'reset',
    ...some('infrastructure', infrastructure),
    actions: fields.texts('action'),
  };
  // With a threshold that is not known, what the data is for is not known either.
  if (mapped.length === used.length) judgeLeft(data, notes);
  if (infrastructure !== undefined) {
    const detail = 'its scale_type was not exported; say in "direction" whether it scales up or down';
    notes.push({ pointer: fields.pointer, detail });
  }
  return entry(fields, name, body, data);
}

/**
 * Judges the unread keys of a service's `data`: one that other metrics used is noted and left out, any other is an
 * error.
 */
function judgeLeft(data: Fields, notes: FieldError[]): void {
  for (const key of data.left()) {
    const detail = 'no metric of the service read this; it is left out';
    if (METRIC_KEYS.has(key)) notes.push({ pointer: data.pointer + step(key), detail });
    else data.wrong(key, 'is not a key that a metric of monscale 2014 read', undefined);
  }
}

function entry(fields: Fields, name: string, body: unknown, data?: Fields): Entry {
  fields.refuseLeft();
  const { pointer } = fields;
  const errors = [...fields.errors, ...(data?.errors ?? [])];
  return { pointer, name, body, errors, place: (error) => placed(pointer, error) };
}

/**
 * Returns an error of the converted definition with a pointer into the object of 2014; only its name has the same place
 * in both.
 */
const placed = (pointer: string, { pointer: field, detail }: FieldError): FieldError =>
  field === '/name'
    ? { pointer: pointer + field, detail }
    : { pointer, detail: `as ${field || 'a definition'} here: ${detail}` };

function snmpParams(data: Fields): Values {
  return {
    ...some('community', data.optionalText('snmp_read_comunity')),
    oid: data.text('snmp_variable').replace(/^\./, ''),
  };
}

/** Refuses CloudForms actions: URL and credentials were settings, which the export does not hold. */
function cloudForms(data: Fields): Values {
  for (const key of [
    'cores', 'megabytes', 'role', 'mtype', 'os', 'environment', 'hostgroup', 'monitoredservice',
  ]) data.isGiven(key); // prettier-ignore
  const detail =
    'URL and credentials of CloudForms were settings, which were not exported: define it by hand';
  data.wrong('', detail, undefined);
  return {};
}

function f5(data: Fields, operation: 'add' | 'remove'): Values {
  return {
    url: `https://${data.text('f5_host')}`,
    username: data.text('f5_username'),
    password: data.text('f5_password'),
    pool: data.text('pool_name'),
    members: data.texts('member_list'),
    operation,
  };
}

/** Returns a text that is sent as it stands: what looks like a template here was none in 2014. */
function literal<T extends string | undefined>(text: T): T {
  if (text === undefined || !/\{[{%]/.test(text)) return text;
  return `{% raw %}${text}{% endraw %}` as T;
}

const some = (name: string, value: unknown): Values => (value === undefined ? {} : { [name]: value });
