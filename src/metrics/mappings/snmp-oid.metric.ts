import { isIPv6 } from 'node:net';
import type { FieldError } from '../../common/errors';
import { Choice, Nested, Text, Whole } from '../../common/fields';
import { MetricMapping, type Metric, type ReadContext } from '../metric';
import type { Reading } from '../../common/reading';
import { SnmpClient } from '../../snmp/snmp-client';
import { isCounter32, mayBeUploaded, oidOfName } from '../../snmp/object-names';
import { ObjectList } from '../../snmp/object-list';
import { normalOid, OID, oidProblem } from '../../snmp/oid';
import { LINK_LOCAL } from '../../snmp/zone';
import { keyOfTarget, SNMP_VERSIONS, type SnmpTarget, type SnmpUser } from '../../snmp/snmp-target';
import { SnmpUserParams, userProblems } from '../../snmp/snmp-user-params';

/**
 * Host: a name, an IPv4 address, or what may be an IPv6 address, perhaps with its zone: `fe80::1%eth0`. Perhaps with a
 * port.
 */
export const HOST =
  /^(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?(?::\d{1,5})?|[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*(?:%[A-Za-z0-9_.~-]{1,64})?|\[[0-9A-Za-z:.%_~-]+\](?::\d{1,5})?)$/;
export const HOST_HINT = 'must be a host name or an IP address, without scheme and port';
/** Object identifier in numbers, or a name with its instance. */
const OBJECT = /^(?:\.?[0-2](?:\.\d{1,10}){2,}|(?:[A-Za-z0-9_-]+::)?[A-Za-z][A-Za-z0-9_-]*(?:\.\d{1,10})*)$/;
const OBJECT_HINT =
  'must be a numeric OID, e.g. 1.3.6.1.4.1.2021.11.9.0, or a name with its instance, e.g. UCD-SNMP-MIB::ssCpuUser.0';

export class SnmpV3Params extends SnmpUserParams implements SnmpUser {
  @Text({ directs: 'nothing', description: 'Context of the agent to ask in', optional: true, maxLength: 255 })
  contextName?: string;
}

export class SnmpOidParams {
  @Text({
    description: 'Host of the agent: a name or an IP address',
    pattern: HOST,
    patternHint: HOST_HINT,
    check: hostProblem,
    maxLength: 253,
    example: '10.0.0.5',
  })
  host: string;

  @Port()
  port: number = 161;

  @Version()
  version: SnmpTarget['version'] = '2c';

  @Community()
  community: string = 'public';

  @Oid()
  oid: string;

  @Retries()
  retries: number = 1;

  @V3()
  v3?: SnmpV3Params;

  problems(): FieldError[] {
    return [...instanceProblems(this.oid), ...snmpProblems(this)];
  }
}

@MetricMapping({
  type: 'snmp_oid',
  title: 'SNMP object',
  description: 'Reads one object from an SNMP agent',
  params: SnmpOidParams,
})
export class SnmpOid implements Metric<SnmpOidParams> {
  /** Objects by params, which the poller keeps as long as the same services ask together. */
  private readonly known = new WeakMap<readonly SnmpOidParams[], KnownObjects>();

  constructor(private readonly snmp: SnmpClient) {}

  async read(params: SnmpOidParams, context: ReadContext): Promise<number> {
    const [reading] = await this.readMany([params], context);
    if (reading === undefined || 'error' in reading) throw new Error(reading?.error ?? 'no reading');
    return reading.value;
  }

  goesRound({ oid }: SnmpOidParams): boolean {
    return isCounter32(normalOid(oid));
  }

  target(params: SnmpOidParams): string {
    return `${keyOfTarget(params)}:${params.retries}`;
  }

  async readMany(params: readonly SnmpOidParams[], context: ReadContext): Promise<readonly Reading[]> {
    const [target] = params;
    if (target === undefined) return [];
    // A key that is kept in a file or in the environment is seen here first.
    const why = targetProblem(target);
    if (why) {
      return params.map(({ oid }) => ({
        error: `cannot read ${normalOid(oid)} from ${target.host}: ${why}`,
      }));
    }
    const tries = { timeoutMs: context.timeoutMs, retries: target.retries };
    const known = this.objectsIn(params);
    if (known !== undefined) {
      const readings = await this.snmp.read(target, known.list, tries, context);
      return known.places === undefined ? readings : known.places.map((place) => readings[place]!);
    }
    const oids = params.map(({ oid }) => normalOid(oid));
    const { signal } = context;
    const outcomes = await this.snmp.get(target, oids, { signal, ...tries });
    return oids.map((oid) => outcomes.get(oid)!);
  }

  /**
   * Returns the objects that params ask for, made once for the same params; undefined where one is a name, as that may
   * mean another object tomorrow.
   */
  private objectsIn(params: readonly SnmpOidParams[]): KnownObjects | undefined {
    let known = this.known.get(params);
    if (known === undefined) {
      if (!params.every(({ oid }) => OID.test(oid))) return undefined;
      known = objectsOf(params.map(({ oid }) => normalOid(oid)));
      // One object is made as fast as it is found.
      if (params.length > 1) this.known.set(params, known);
    }
    return known;
  }
}

/** Objects that are asked for, and where each of the params finds its own; undefined: in its own place. */
interface KnownObjects {
  list: ObjectList;
  places?: readonly number[];
}

function objectsOf(oids: readonly string[]): KnownObjects {
  const distinct = [...new Set(oids)];
  if (distinct.length === oids.length) return { list: new ObjectList(oids) };
  return { list: new ObjectList(distinct), places: oids.map((oid) => distinct.indexOf(oid)) };
}

/** Declares a param. This and the functions below are shared by metrics that ask SNMP agents. */
export function Port(): PropertyDecorator {
  return Whole({ description: 'UDP port of the agent', minimum: 1, maximum: 65_535 });
}

export function Version(): PropertyDecorator {
  return Choice(SNMP_VERSIONS, { description: 'Version of SNMP' });
}

export function Community(): PropertyDecorator {
  const description = 'Community, for versions 1 and 2c';
  return Text({ directs: 'nothing', description, secret: true, minLength: 1, maxLength: 255 });
}

export function Oid(): PropertyDecorator {
  return Text({
    directs: 'nothing',
    description: 'The object to read, in numbers or by its name',
    pattern: OBJECT,
    patternHint: OBJECT_HINT,
    check: objectProblem,
    example: '1.3.6.1.2.1.1.3.0',
  });
}

export function Retries(): PropertyDecorator {
  const description = 'How often to ask again when no answer comes; the timeout is shared by all tries';
  return Whole({ directs: 'nothing', description, minimum: 0, maximum: 10 });
}

export function V3(): PropertyDecorator {
  return Nested(() => SnmpV3Params, { description: 'User and keys, for version 3', optional: true });
}

/** Returns why a text is no host, where the pattern can't tell. */
export function hostProblem(host: string): string | undefined {
  const { address, port } = withPort(host);
  if (port !== undefined) return `${HOST_HINT}: the port is a param of its own, port`;
  return host.startsWith('[') ? 'must be written without brackets' : addressProblem(address);
}

function addressProblem(address: string): string | undefined {
  if (!address.includes(':')) return undefined;
  if (!isIPv6(address)) return HOST_HINT;
  if (!LINK_LOCAL.test(address) || address.includes('%')) return undefined;
  return `is an address of one link alone: it needs its zone, e.g. ${address}%eth0`;
}

/**
 * Splits a host from the port that may follow it, where an IPv6 address stands in brackets: `10.0.0.5:1161`,
 * `[::1]:1161`.
 */
export function withPort(host: string): { address: string; port?: number } {
  const [, address, bracketed, port] = /^(?:([^:[\]]+)|\[([^\]]+)\])(?::(\d{1,5}))?$/.exec(host) ?? [];
  const bare = address ?? bracketed ?? host;
  return port === undefined ? { address: bare } : { address: bare, port: Number(port) };
}

/** Returns what is wrong with a host that may have its port behind it. */
export function hostAndPortProblem(host: string): string | undefined {
  if (!HOST.test(host))
    return 'must be a host name or an IP address, perhaps with its port: 10.0.0.5:1161, [::1]:1161';
  const { address, port } = withPort(host);
  if (port !== undefined && (port < 1 || port > 65_535)) return 'has a port that is none: 1 to 65535';
  return addressProblem(address);
}

/** Returns what is wrong with a target whose keys were resolved from elsewhere, as the end of a sentence. */
export function targetProblem(target: Pick<SnmpTarget, 'version' | 'v3'>): string | undefined {
  const [problem] = snmpProblems(target);
  return problem && `${problem.pointer.slice(1).replaceAll('/', '.')} ${problem.detail}`;
}

/**
 * Returns an error when an object lacks its instance: a name says which object of an agent, but not which of its
 * values.
 */
export function instanceProblems(object: string): FieldError[] {
  if (/\.\d+$/.test(object)) return [];
  return [{ pointer: '/oid', detail: `lacks its instance: ${object}.0, or its row in place of the 0` }];
}

/** Returns why there is no such object, where the pattern can't tell. */
function objectProblem(object: string): string | undefined {
  if (/^[.\d]/.test(object)) return oidProblem(object);
  const oid = oidOfName(object);
  // It is seen when it is read.
  if (oid === undefined && mayBeUploaded()) return undefined;
  if (oid === undefined)
    return `is no name that a MIB here knows; write the numeric OID, e.g. 1.3.6.1.4.1.2021.11.9.0, or upload its MIB`;
  return oidProblem(oid);
}

/** Returns what is wrong between the fields of an SNMP definition. */
export function snmpProblems({ version, v3 }: Pick<SnmpTarget, 'version' | 'v3'>): FieldError[] {
  if (version !== '3') return [];
  return v3 === undefined ? [{ pointer: '/v3', detail: 'is needed for version 3' }] : userProblems(v3, '/v3');
}
