/** Of every mapping there is: a secret that is kept goes to nobody new. A new mapping is among them by itself. */
import { randomBytes } from 'node:crypto';
import type { Type } from '@nestjs/common';
import { ActionMapping } from '../actions/action';
import { ACTION_MAPPINGS } from '../actions/mappings';
import { AlertFormatMapping } from '../alerts/formats/alert-format';
import { ALERT_FORMATS } from '../alerts/formats';
import { steeredDirections } from '../common/direction';
import { InvalidInput } from '../common/errors';
import { fieldsOf, type Field } from '../common/fields';
import type { MappingOptions } from '../common/mapping-registry';
import { KEPT_SECRET } from '../common/secret-value';
import { Secrets } from '../common/secrets';
import { LoadBalancerMapping } from '../load-balancers/load-balancer';
import { LOAD_BALANCER_MAPPINGS } from '../load-balancers/mappings';
import { MetricMapping } from '../metrics/metric';
import { METRIC_MAPPINGS } from '../metrics/mappings';

type Params = Record<string, unknown>;

const KINDS: [string, { KEY: string }, readonly Type[]][] = [
  ['metric', MetricMapping, METRIC_MAPPINGS],
  ['action', ActionMapping, ACTION_MAPPINGS],
  ['load balancer', LoadBalancerMapping, LOAD_BALANCER_MAPPINGS],
  ['alert format', AlertFormatMapping, ALERT_FORMATS],
];

const MAPPINGS = KINDS.flatMap(([kind, decorator, classes]) =>
  classes.map((cls): [string, Type<object>] => {
    const { type, params } = Reflect.getMetadata(decorator.KEY, cls) as MappingOptions;
    return [`${kind} ${type}`, params];
  }),
).filter(([, cls]) => leavesOf(cls).some(({ field }) => field.options.secret));

interface Leaf {
  path: string[];
  field: Field;
  /** It, or what it stands in, is said to direct nothing. */
  isAside: boolean;
}

/** Fields that are no objects of fields, wherever they stand; of lists of objects their first item's. */
function leavesOf(cls: Type<object>, path: string[] = [], isAside = false): Leaf[] {
  return fieldsOf(cls).flatMap((field) => {
    const here = [...path, field.name];
    const aside = isAside || field.options.directs === 'nothing';
    if (field.nested === undefined) return [{ path: here, field, isAside: aside }];
    // Secrets of an item are its own, whatever its list is to others.
    return leavesOf(field.nested(), field.list ? [...here, '0'] : here, field.list ? false : aside);
  });
}

const isOfAList = ({ path }: Leaf): boolean => path.includes('0');

function valueFor({ field }: Leaf, variant: 'a' | 'b'): unknown {
  if (field.options.directs === 'origin') return `https://${variant}.example.com/x`;
  if (field.name === 'topicArn') return `arn:aws:sns:eu-west-1:${variant}:t`;
  switch (field.schema.type) {
    case 'integer':
    case 'number':
      return variant === 'a' ? 11 : 12;
    case 'boolean':
      return variant === 'a';
    case 'array':
      return [variant];
    case 'object':
      return { key: variant };
    default:
      return `the-value-${variant}`;
  }
}

function put(params: Params, path: readonly string[], value: unknown): void {
  const [name, ...rest] = path;
  if (rest.length === 0) params[name!] = value;
  else {
    params[name!] ??= rest[0] === '0' ? [] : {};
    put(params[name!] as Params, rest, value);
  }
}

const secrets = new Secrets([randomBytes(32)]);

/** What is answered when everything is kept but what this changes. */
function askedAgain(cls: Type<object>, change: (params: Params) => void): string[] {
  const given: Params = {};
  for (const leaf of leavesOf(cls)) put(given, leaf.path, valueFor(leaf, 'a'));
  const stored = secrets.seal(cls, given, '');
  const shown = JSON.parse(JSON.stringify(secrets.mask(cls, stored))) as Params;
  change(shown);
  try {
    secrets.seal(cls, shown, '', stored);
    return [];
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    return error.errors.map(({ pointer }) => pointer).sort();
  }
}

describe.each(MAPPINGS)('%s', (_, cls) => {
  const leaves = leavesOf(cls);
  const secret = leaves.filter(({ field }) => field.options.secret);
  const pointers = (some: Leaf[]) => some.map(({ path }) => `/${path.join('/')}`).sort();

  it('keeps its secrets while nothing changes', () => {
    expect(askedAgain(cls, () => undefined)).toEqual([]);
  });

  it('asks for every secret again when one of the others directs them elsewhere', () => {
    for (const leaf of leaves.filter(({ isAside }) => !isAside)) {
      const own = isOfAList(leaf) ? leaf.path.slice(0, leaf.path.indexOf('0') + 1) : [];
      const wanted = secret.filter(
        (one) => one !== leaf && own.every((name, index) => one.path[index] === name),
      );
      const changed = askedAgain(cls, (params) => put(params, leaf.path, valueFor(leaf, 'b')));
      expect({ change: leaf.path, asked: changed }).toEqual({ change: leaf.path, asked: pointers(wanted) });
    }
  });

  it('keeps them when what is asked or told there changes', () => {
    for (const leaf of leaves.filter(({ isAside, field }) => isAside && !field.options.secret)) {
      const asked = askedAgain(cls, (params) => put(params, leaf.path, valueFor(leaf, 'b')));
      expect({ change: leaf.path, asked }).toEqual({ change: leaf.path, asked: [] });
    }
  });

  it('can not be kept under another type', () => {
    const [first] = secret;
    const params: Params = {};
    put(params, first!.path, KEPT_SECRET);
    expect(() => secrets.seal(cls, params, '')).toThrow('no secret is stored here yet');
  });
});

/** Templates that say as whom, and not where. */
const AS_WHOM = /^action cloudforms_\w+ \/username$/;

it('where a template says where secrets go, it is a URL, whose origin no template may say', () => {
  const templates = MAPPINGS.flatMap(([mapping, cls]) =>
    leavesOf(cls)
      .filter(
        ({ isAside, field }) => !isAside && !field.options.secret && field.options.template !== undefined,
      )
      .map((leaf) => ({ ...leaf, cls, name: `${mapping} /${leaf.path.join('/')}` })),
  );
  const urls = templates.filter(({ field }) => field.options.directs === 'origin');
  const others = templates.filter((one) => !urls.includes(one) && !AS_WHOM.test(one.name));
  expect([urls.length > 1, others.map(({ name }) => name)]).toEqual([true, []]);
  for (const { cls, path, name } of urls) {
    const params: Params = {};
    for (const leaf of leavesOf(cls)) put(params, leaf.path, valueFor(leaf, 'a'));
    expect([name, steeredDirections(cls, params)]).toEqual([name, []]);
    put(params, path, 'https://{{ alert.labels.host }}/');
    expect([name, steeredDirections(cls, params)]).toMatchObject([name, [{ pointer: `/${path.join('/')}` }]]);
  }
});

/** Names that say where something goes, or as whom: none of these may be said to direct nothing. */
const DIRECTING =
  /url|uri$|host|server|endpoint|address|port$|scheme|security|region|account|user|accesskeyid|arn|database|proxy|^ca$|rejectunauthorized|tls/i;

/** Ports of nodes, not of the appliance. */
const ASIDE_ALL_THE_SAME = ['load balancer f5 /port'];

it('params that say where secrets go are known as such in every mapping', () => {
  const wrong = MAPPINGS.flatMap(([mapping, cls]) =>
    leavesOf(cls)
      .filter(({ isAside, field }) => isAside && DIRECTING.test(field.name))
      .map(({ path }) => `${mapping} /${path.join('/')}`),
  );
  expect(wrong).toEqual(ASIDE_ALL_THE_SAME);
});
