/**
 * Pools of a BIG-IP. Members are changed one by one, and the pool itself is never written: a change by somebody else is
 * never lost.
 */
import type { JsonAnswer } from '../http/json-call';
import { Ambiguous, Permanent, Retryable } from '../outcomes';
import { IControl, messageIn, refusal, type CallContext, type F5Access, type F5Call } from './icontrol';
import {
  bareAddress,
  isSameAddress,
  memberName,
  partsOf,
  portOf,
  type NodeName,
  type RouteDomains,
} from './meaning';
import type { Member } from './members';

export const PARTITION = {
  pattern: /^[A-Za-z_][\w.-]{0,63}$/,
  patternHint: 'must be the name of a partition: letters, digits, _ . and -',
};
export const POOL = {
  pattern: /^[A-Za-z_][\w.-]{0,254}$/,
  patternHint: 'must be the name of a pool, without its partition: letters, digits, _ . and -',
};

export interface F5Pool extends F5Access {
  partition: string;
  /** Name of the pool, without the partition. */
  pool: string;
}

/** Member as it is read: its words are others than those that may be written. */
export interface PoolMember {
  /** Name by which it is asked and changed: `/partition/name` where its partition is another than the pool's. */
  name: string;
  partition: string;
  /** Node as BIG-IP names it, which is how the member's name begins. */
  node: string;
  /** Address; absent where BIG-IP has none: a node that follows a host name. */
  address?: string;
  /** Port; absent where it is given by the name of a service that is not known. */
  port?: number;
  /** Whether new connections may go to it. */
  isEnabled: boolean;
  /** Whether it is up, as far as a monitor says, or nobody monitors it. */
  isUp: boolean;
  /** Whether BIG-IP made it for an address that a host name has now, and removes it by itself. */
  isEphemeral: boolean;
}

export type MemberChange = 'add' | 'remove' | 'enable' | 'disable';

/** Error of a change to a member that does not exist. */
export class NoSuchMember extends Permanent {}

/** Fields that enable a member; the words that are read differ (F5, "iControl REST User Guide", pool members). */
const ENABLED = { session: 'user-enabled', state: 'user-up' };
/** Fields that disable a member: connections go on, new ones go elsewhere. */
const DISABLED = { session: 'user-disabled', state: 'user-up' };

/**
 * Message about an address whose node is another than the one the member would make: in another partition, or named.
 */
const NODE_IS_THERE = /\b(node|address)\b.* (already exists|conflicts? with)/i;
const MEMBER_IS_THERE = /Pool Member .* already exists/i;
const MEMBER_IS_GONE = /Pool Member .* was not found|Object not found - \S+[:.]\d+$/i;

/**
 * Reads and changes pools. Every change may be repeated: a member is named as `members` names it. A name without a
 * partition is in the pool's own.
 */
export class F5Pools {
  private readonly icontrol = new IControl();

  /** Returns all members. @throws Retryable, Permanent */
  async members(pool: F5Pool, context: CallContext): Promise<PoolMember[]> {
    const deed = `reading the members of ${spoken(pool)}`;
    const call: F5Call = { method: 'GET', path: `${poolPath(pool)}/members`, isList: true };
    const answer = await this.icontrol.call(pool, call, deed, context);
    if (answer.status !== 200) throw refusal(answer, deed);
    // BIG-IP leaves `items` out when there are none.
    const { kind, items = [] } = Object(answer.json) as { kind?: unknown; items?: unknown };
    const members = Array.isArray(items) ? items.map((item) => memberOf(item, pool)) : [undefined];
    if (!isOfMembers(kind) || members.includes(undefined))
      throw new Retryable(`${deed} was answered 200, but not as BIG-IP does`);
    return members as PoolMember[];
  }

  /**
   * Returns the member that is meant, under whatever name the pool has it; undefined when the pool has none.
   *
   * @param members all of the pool
   * @throws Permanent when it can't be decided: it names those it may be
   */
  async find(
    pool: F5Pool,
    wanted: Member,
    members: readonly PoolMember[],
    context: CallContext,
  ): Promise<PoolMember | undefined> {
    const same: PoolMember[] = [];
    const perhaps: PoolMember[] = [];
    const defaults = this.routeDomains(pool, context);
    for (const member of members) {
      const isSame = await isMeant(wanted, member, pool, defaults);
      if (isSame !== false) (isSame ? same : perhaps).push(member);
    }
    const own = same.filter(({ partition }) => partition === pool.partition);
    if (same.length === 1 || own.length === 1) return own[0] ?? same[0];
    const unclear = [...same, ...perhaps];
    if (unclear.length === 0) return undefined;
    const names = unclear.map((member) => fullPathOf(member, pool)).join(' and ');
    throw new Permanent(
      `${spoken(pool)} has ${names}, and it can't be told whether ${wanted.name} is meant by that; write it as the pool does`,
    );
  }

  /**
   * Adds a member.
   *
   * @returns what came of it, as the end of a sentence
   */
  async add(pool: F5Pool, member: Member, context: CallContext): Promise<string> {
    const deed = `add of ${member.name} of ${spoken(pool)}`;
    const answer = await this.icontrol.call(pool, callFor(pool, 'add', member), deed, context);
    if (isThere(answer)) return 'was there already';
    const node = needsNode(answer, member) ? await this.nodeAt(pool, member, context) : undefined;
    if (node === undefined) {
      expectMember(answer, deed);
      return 'added';
    }
    const name = memberName(node.name, partsOf(member.name)!.port);
    const call: F5Call = { ...callFor(pool, 'add', { name }), body: { name, partition: node.partition } };
    const again = await this.icontrol.call(pool, call, deed, context);
    const path = `/${node.partition}/${name}`;
    if (isThere(again)) return `was there already, as ${path}`;
    expectMember(again, deed);
    return `added as ${path}`;
  }

  /**
   * Enables a member. @throws NoSuchMember
   *
   * @throws NoSuchMember
   */
  async enable(pool: F5Pool, name: string, context: CallContext): Promise<'enabled'> {
    await this.patch(pool, 'enable', name, context);
    return 'enabled';
  }

  /** Disables a member: its connections go on, new ones go elsewhere. @throws NoSuchMember */
  async disable(pool: F5Pool, name: string, context: CallContext): Promise<'disabled'> {
    await this.patch(pool, 'disable', name, context);
    return 'disabled';
  }

  async remove(pool: F5Pool, name: string, context: CallContext): Promise<'removed' | 'was gone already'> {
    const deed = `removal of ${name} of ${spoken(pool)}`;
    const answer = await this.icontrol.call(pool, callFor(pool, 'remove', { name }), deed, context);
    if (isGone(answer)) return 'was gone already';
    if (!isSuccess(answer)) throw refusal(answer, deed);
    // BIG-IP answers with an empty body.
    if (answer.body.length > 0 && answer.json === undefined) throw unlikeBigIp(answer, deed);
    return 'removed';
  }

  /** Returns the number of connections of a member now. Undefined when BIG-IP does not tell. @throws NoSuchMember */
  async connections(pool: F5Pool, name: string, context: CallContext): Promise<number | undefined> {
    const deed = `reading the connections of ${name} of ${spoken(pool)}`;
    const call: F5Call = { method: 'GET', path: `${memberPath(pool, name)}/stats` };
    const answer = await this.icontrol.call(pool, call, deed, context);
    if (answer.status !== 200) throw refusalOf(answer, deed);
    return connectionsIn(answer.json);
  }

  /** Returns the node that has the member's address, in whatever partition and under whatever name. */
  private async nodeAt(
    pool: F5Pool,
    { address }: Member,
    context: CallContext,
  ): Promise<NodeName | undefined> {
    const deed = `reading the nodes of ${new URL(pool.url).host}`;
    const call: F5Call = { method: 'GET', path: '/mgmt/tm/ltm/node', isList: true };
    const answer = await this.icontrol.call(pool, call, deed, context);
    if (answer.status !== 200) throw refusal(answer, deed);
    const { items } = Object(answer.json) as { items?: unknown };
    const wanted = { address: address!, partition: pool.partition };
    const defaults = this.routeDomains(pool, context);
    for (const item of Array.isArray(items) ? items : []) {
      const { name, partition, address: theirs } = Object(item) as Record<string, unknown>;
      if (typeof name !== 'string' || typeof partition !== 'string' || typeof theirs !== 'string') continue;
      if (await isSameAddress(wanted, { address: theirs, partition }, defaults)) return { name, partition };
    }
    return undefined;
  }

  /**
   * Makes a look-up that asks for each partition once. A failure that may pass is thrown; what the user may not read is
   * undefined.
   */
  routeDomains(access: F5Access, context: CallContext): RouteDomains {
    const known = new Map<string, Promise<number | undefined>>();
    return (partition) => {
      const asked = known.get(partition) ?? this.routeDomainOf(access, partition, context);
      known.set(partition, asked);
      return asked;
    };
  }

  private async routeDomainOf(access: F5Access, partition: string, context: CallContext) {
    const deed = `reading the partition ${partition} of ${new URL(access.url).host}`;
    const call: F5Call = { method: 'GET', path: `/mgmt/tm/auth/partition/${encodeURIComponent(partition)}` };
    const answer = await this.icontrol.call(access, call, deed, context);
    const problem = answer.status === 200 ? undefined : refusal(answer, deed);
    if (problem instanceof Retryable) throw problem;
    const { defaultRouteDomain: id } = Object(answer.json) as { defaultRouteDomain?: unknown };
    return problem === undefined && Number.isInteger(id) ? (id as number) : undefined;
  }

  private async patch(
    pool: F5Pool,
    change: 'enable' | 'disable',
    name: string,
    context: CallContext,
  ): Promise<void> {
    const deed = `${change} of ${name} of ${spoken(pool)}`;
    const answer = await this.icontrol.call(pool, callFor(pool, change, { name }), deed, context);
    expectMember(answer, deed);
    const member = memberOf(answer.json, pool);
    if (member !== undefined && member.isEnabled !== (change === 'enable'))
      throw new Retryable(
        `${deed} was answered ${answer.status}, but it stays ${member.isEnabled ? 'enabled' : 'disabled'}`,
      );
  }
}

/** Makes the call for a change. */
export function callFor(pool: F5Pool, change: MemberChange, { name, address }: Member): F5Call {
  if (change === 'add') {
    const body = { name, partition: pool.partition, address };
    return { method: 'POST', path: `${poolPath(pool)}/members`, body };
  }
  const path = memberPath(pool, name);
  if (change === 'remove') return { method: 'DELETE', path };
  return { method: 'PATCH', path, body: change === 'enable' ? ENABLED : DISABLED };
}

/** Names a pool in sentences: "pool /Common/web at bigip.example.com". */
export const spoken = ({ partition, pool, url }: F5Pool): string =>
  `pool /${partition}/${pool} at ${new URL(url).host}`;

/**
 * Returns the path of a pool. @throws Permanent when a rendered pool is none: it would become part of another path
 *
 * @throws Permanent when a pool that was rendered is none: it would become part of another path
 */
function poolPath({ partition, pool }: F5Pool): string {
  if (!POOL.pattern.test(pool))
    throw new Permanent(`pool ${JSON.stringify(pool)} can't be asked: it ${POOL.patternHint}`);
  return `/mgmt/tm/ltm/pool/~${partition}~${pool}`;
}

/**
 * Returns the path of a member. @param name `/partition/name`, or without a partition in the pool's own
 *
 * @param name `/partition/name`, or without a partition in the pool's own
 */
function memberPath(pool: F5Pool, name: string): string {
  const path = name.startsWith('/') ? name : `/${pool.partition}/${name}`;
  const parts = path.split('/').map((part) => encodeURIComponent(part).replaceAll('%3A', ':'));
  return `${poolPath(pool)}/members/${parts.join('~')}`;
}

/** Names a member with its partition, for sentences. */
export const fullPathOf = (
  { name, partition }: Pick<PoolMember, 'name' | 'partition'>,
  pool: F5Pool,
): string => (name.startsWith('/') ? name : `/${partition || pool.partition}/${name}`);

/** Tells whether a member is the wanted one; undefined when that can't be decided. */
async function isMeant(
  wanted: Member,
  { node, address = node, partition, port }: PoolMember,
  pool: F5Pool,
  defaults: RouteDomains,
): Promise<boolean | undefined> {
  const parts = partsOf(wanted.name)!;
  if (port !== undefined && port !== Number(parts.port)) return false;
  const theirs = { address, partition };
  const isSame =
    wanted.address === undefined
      ? node === parts.node
      : node === wanted.address ||
        (await isSameAddress({ address: wanted.address, partition: pool.partition }, theirs, defaults));
  // By the name of a service it may be any port.
  return isSame && port === undefined ? undefined : isSame;
}

const isThere = (answer: JsonAnswer): boolean =>
  answer.status === 409 && MEMBER_IS_THERE.test(messageIn(answer));

const needsNode = (answer: JsonAnswer, { address }: Member): boolean =>
  address !== undefined && [400, 409].includes(answer.status) && NODE_IS_THERE.test(messageIn(answer));

const isGone = (answer: JsonAnswer): boolean =>
  answer.status === 404 && MEMBER_IS_GONE.test(messageIn(answer));

function refusalOf(answer: JsonAnswer, deed: string): Error {
  const error = refusal(answer, deed);
  return isGone(answer) ? new NoSuchMember(error.message) : error;
}

const isOfMembers = (kind: unknown): boolean =>
  typeof kind === 'string' && kind.startsWith('tm:ltm:pool:members:');

/**
 * Checks that an answer is about a member. @throws Ambiguous when a success is not; the refusal's error when it is no
 * success
 *
 * @throws Ambiguous when a success does not speak of a member
 */
function expectMember(answer: JsonAnswer, deed: string): void {
  if (!isSuccess(answer)) throw refusalOf(answer, deed);
  const { kind } = Object(answer.json) as { kind?: unknown };
  if (!isOfMembers(kind)) throw unlikeBigIp(answer, deed);
}

/** Tells whether a change was done. Whatever success it is: a gateway may make 202 or 204 of BIG-IP's 200. */
const isSuccess = ({ status }: JsonAnswer): boolean => status >= 200 && status < 300;

const unlikeBigIp = ({ status }: JsonAnswer, deed: string): Ambiguous =>
  new Ambiguous(`${deed} was answered ${status}, but not as BIG-IP does; it may have been done`);

/**
 * Reads a member. The port ends its name: `10.0.0.1:80`, `2001:db8::1.80`, `10.0.0.1:http`. Undefined when it is none.
 */
function memberOf(item: unknown, pool: F5Pool): PoolMember | undefined {
  const { name, partition, fullPath, address, session, state, ephemeral } = Object(item) as Record<
    string,
    unknown
  >;
  if (typeof name !== 'string' || typeof partition !== 'string') return undefined;
  if (typeof session !== 'string' || typeof state !== 'string') return undefined;
  const parts = partsOf(name);
  if (parts === undefined) return undefined;
  const path = typeof fullPath === 'string' && fullPath.startsWith('/') ? fullPath : `/${partition}/${name}`;
  const port = portOf(parts.port);
  return {
    name: path === `/${pool.partition}/${name}` ? name : path,
    partition,
    node: parts.node,
    // A node that follows a name has `any6` until it is resolved.
    ...(typeof address === 'string' && bareAddress(address) !== undefined ? { address } : {}),
    ...(port === undefined ? {} : { port }),
    isEnabled: session !== 'user-disabled' && state !== 'user-down',
    isUp: state === 'up' || state === 'unchecked',
    isEphemeral: ephemeral === true || ephemeral === 'true',
  };
}

/**
 * Returns `serverside.curConns`, which stands directly in `entries`, or, since 12, in `nestedStats` of the one entry
 * there.
 */
function connectionsIn(json: unknown): number | undefined {
  const { entries } = Object(json) as { entries?: Record<string, unknown> };
  if (entries === undefined) return undefined;
  const { value } = Object(entries['serverside.curConns']) as { value?: unknown };
  if (typeof value === 'number') return value;
  const nested = Object.values(entries).map((entry) =>
    connectionsIn((Object(entry) as { nestedStats?: unknown }).nestedStats),
  );
  return nested.find((connections) => connections !== undefined);
}
