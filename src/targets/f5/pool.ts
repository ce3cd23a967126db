/** Pools of a BIG-IP. Members are changed one by one, and the pool itself is never written: nobody else's change is lost. */
import type { JsonAnswer } from '../http/json-call';
import { Ambiguous, Permanent, Retryable } from '../outcomes';
import { IControl, messageIn, refusal, type CallContext, type F5Access, type F5Call } from './icontrol';
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
  /** Its name, without the partition. */
  pool: string;
}

/** A member as it is read: its words are others than those that may be written. */
export interface PoolMember {
  /** As BIG-IP names it. */
  name: string;
  partition: string;
  /** Absent where BIG-IP tells none: a node that follows a name. */
  address?: string;
  port: number;
  /** New connections may go to it. */
  isEnabled: boolean;
  /** As far as a monitor says, or nobody monitors it. */
  isUp: boolean;
}

export type MemberChange = 'add' | 'remove' | 'enable' | 'disable';

/** There is no such member. */
export class NoSuchMember extends Permanent {}

/** What is written; the words that are read differ (F5, "iControl REST User Guide", pool members). */
const ENABLED = { session: 'user-enabled', state: 'user-up' };
/** Connections go on, new ones go elsewhere. */
const DISABLED = { session: 'user-disabled', state: 'user-up' };

const MEMBER_IS_THERE = /Pool Member .* already exists/i;
const MEMBER_IS_GONE = /Pool Member .* was not found|Object not found - \S+[:.]\d+$/i;

/** Asks and changes pools. Every change may be repeated: a member is named. */
export class F5Pools {
  private readonly icontrol = new IControl();

  /** Every member. @throws Retryable, Permanent */
  async members(pool: F5Pool, context: CallContext): Promise<PoolMember[]> {
    const deed = `reading the members of ${spoken(pool)}`;
    const call: F5Call = { method: 'GET', path: `${poolPath(pool)}/members`, isList: true };
    const answer = await this.icontrol.call(pool, call, deed, context);
    if (answer.status !== 200) throw refusal(answer, deed);
    // BIG-IP leaves `items` out when there are none.
    const { kind, items = [] } = Object(answer.json) as { kind?: unknown; items?: unknown };
    const members = Array.isArray(items) ? items.map(memberOf) : [undefined];
    if (!isOfMembers(kind) || members.includes(undefined))
      throw new Retryable(`${deed} was answered 200, but not as BIG-IP does`);
    return members as PoolMember[];
  }

  async add(pool: F5Pool, member: Member, context: CallContext): Promise<'added' | 'was there already'> {
    const deed = `add of ${member.name} of ${spoken(pool)}`;
    const answer = await this.icontrol.call(pool, callFor(pool, 'add', member), deed, context);
    if (answer.status === 409 && MEMBER_IS_THERE.test(messageIn(answer))) return 'was there already';
    expectMember(answer, deed);
    return 'added';
  }

  /** @throws NoSuchMember */
  async enable(pool: F5Pool, name: string, context: CallContext): Promise<'enabled'> {
    await this.patch(pool, 'enable', name, context);
    return 'enabled';
  }

  /** Its connections go on, new ones go elsewhere. @throws NoSuchMember */
  async disable(pool: F5Pool, name: string, context: CallContext): Promise<'disabled'> {
    await this.patch(pool, 'disable', name, context);
    return 'disabled';
  }

  async remove(pool: F5Pool, name: string, context: CallContext): Promise<'removed' | 'was gone already'> {
    const deed = `removal of ${name} of ${spoken(pool)}`;
    const answer = await this.icontrol.call(pool, callFor(pool, 'remove', { name }), deed, context);
    if (isGone(answer)) return 'was gone already';
    if (answer.status !== 200) throw refusal(answer, deed);
    // BIG-IP answers with an empty body.
    if (answer.body.length > 0 && answer.json === undefined)
      throw new Ambiguous(`${deed} was answered 200, but not as BIG-IP does; it may have been done`);
    return 'removed';
  }

  /** Connections the member has now. Undefined when BIG-IP does not tell. @throws NoSuchMember */
  async connections(pool: F5Pool, name: string, context: CallContext): Promise<number | undefined> {
    const deed = `reading the connections of ${name} of ${spoken(pool)}`;
    const call: F5Call = { method: 'GET', path: `${memberPath(pool, name)}/stats` };
    const answer = await this.icontrol.call(pool, call, deed, context);
    if (answer.status !== 200) throw refusalOf(answer, deed);
    return connectionsIn(answer.json);
  }

  private async patch(
    pool: F5Pool,
    change: 'enable' | 'disable',
    name: string,
    context: CallContext,
  ): Promise<void> {
    const deed = `${change} of ${name} of ${spoken(pool)}`;
    expectMember(await this.icontrol.call(pool, callFor(pool, change, { name }), deed, context), deed);
  }
}

/** The call that makes a change. */
export function callFor(pool: F5Pool, change: MemberChange, { name, address }: Member): F5Call {
  if (change === 'add') {
    const body = { name, partition: pool.partition, address };
    return { method: 'POST', path: `${poolPath(pool)}/members`, body };
  }
  const path = memberPath(pool, name);
  if (change === 'remove') return { method: 'DELETE', path };
  return { method: 'PATCH', path, body: change === 'enable' ? ENABLED : DISABLED };
}

/** For sentences: "pool /Common/web at bigip.example.com". */
export const spoken = ({ partition, pool, url }: F5Pool): string =>
  `pool /${partition}/${pool} at ${new URL(url).host}`;

/** @throws Permanent when a pool that was rendered is none: it would become part of another path */
function poolPath({ partition, pool }: F5Pool): string {
  if (!POOL.pattern.test(pool))
    throw new Permanent(`pool ${JSON.stringify(pool)} can't be asked: it ${POOL.patternHint}`);
  return `/mgmt/tm/ltm/pool/~${partition}~${pool}`;
}

const memberPath = (pool: F5Pool, name: string): string =>
  `${poolPath(pool)}/members/~${pool.partition}~${name.replaceAll('%', '%25')}`;

const isGone = (answer: JsonAnswer): boolean =>
  answer.status === 404 && MEMBER_IS_GONE.test(messageIn(answer));

function refusalOf(answer: JsonAnswer, deed: string): Error {
  const error = refusal(answer, deed);
  return isGone(answer) ? new NoSuchMember(error.message) : error;
}

const isOfMembers = (kind: unknown): boolean =>
  typeof kind === 'string' && kind.startsWith('tm:ltm:pool:members:');

/** @throws Ambiguous when a success does not speak of a member */
function expectMember(answer: JsonAnswer, deed: string): void {
  if (answer.status !== 200) throw refusalOf(answer, deed);
  const { kind } = Object(answer.json) as { kind?: unknown };
  if (!isOfMembers(kind))
    throw new Ambiguous(`${deed} was answered 200, but not as BIG-IP does; it may have been done`);
}

/** The port ends the name: `10.0.0.1:80`, `2001:db8::1.80`. Undefined when it is no member. */
function memberOf(item: unknown): PoolMember | undefined {
  const { name, partition, address, session, state } = Object(item) as Record<string, unknown>;
  const isMember = [name, partition, session, state].every((word) => typeof word === 'string');
  const [, port] = (isMember && /[:.](\d{1,5})$/.exec(name as string)) || [];
  if (port === undefined) return undefined;
  return {
    name: name as string,
    partition: partition as string,
    ...(typeof address === 'string' ? { address } : {}),
    port: Number(port),
    isEnabled: session !== 'user-disabled' && state !== 'user-down',
    isUp: state === 'up' || state === 'unchecked',
  };
}

/** `serverside.curConns` stands directly in `entries`, or, since 12, in `nestedStats` of the one entry there. */
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
