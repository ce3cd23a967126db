import { Injectable } from '@nestjs/common';
import type { SelfChecking } from '../../common/check';
import type { FieldError } from '../../common/errors';
import { Choice, Nested, Text, TextList, Whole } from '../../common/fields';
import { IControl, messageIn, refusal, type F5Call } from '../../targets/f5/icontrol';
import { MEMBER_HINT, memberIn, type Member } from '../../targets/f5/members';
import type { JsonAnswer } from '../../targets/http/json-call';
import { ORIGIN, originOf } from '../../targets/http/origin';
import { TlsParams } from '../../targets/http/params';
import {
  ActionMapping,
  Ambiguous,
  Permanent,
  type Action,
  type ActionContext,
  type ActionResult,
  type Waiting,
} from '../action';

const OPERATIONS = ['add', 'remove', 'enable', 'disable', 'drain_and_remove'] as const;
const PARTITION = /^[A-Za-z_][\w.-]{0,63}$/;
const POOL = /^[A-Za-z_][\w.-]{0,254}$/;
const POOL_HINT = 'must be the name of a pool, without its partition: letters, digits, _ . and -';
const DRAIN_SECONDS_AT_MOST = 86_400;
/** An appliance that is away at the deadline is asked for so long. */
const REMOVAL_SECONDS = 3_600;

/** What is written; the words that are read differ (F5, "iControl REST User Guide", pool members). */
const ENABLED = { session: 'user-enabled', state: 'user-up' };
/** Connections go on, new ones go elsewhere. */
const DISABLED = { session: 'user-disabled', state: 'user-up' };

const MEMBER_IS_THERE = /Pool Member .* already exists/i;
const MEMBER_IS_GONE = /Pool Member .* was not found|Object not found - \S+[:.]\d+$/i;

export class F5PoolMembersParams implements SelfChecking {
  @Text({ description: 'Where the appliance answers', ...ORIGIN, example: 'https://bigip.example.com' })
  url: string;

  @Text({ description: 'User that logs in', minLength: 1, example: 'scaler' })
  username: string;

  @Text({ description: 'Password of the user', secret: true, minLength: 1 })
  password: string;

  @Text({
    description: 'Partition of the pool and its members',
    pattern: PARTITION,
    patternHint: 'must be the name of a partition: letters, digits, _ . and -',
  })
  partition: string = 'Common';

  @Text({
    description: 'Name of the pool, without its partition',
    template: 'text',
    minLength: 1,
    pattern: POOL,
    patternHint: POOL_HINT,
    example: 'web',
  })
  pool: string;

  @TextList({ description: 'Members, each address:port', example: ['10.0.0.1:80'] })
  members: string[];

  @Choice(OPERATIONS, { description: 'What is done with the members' })
  operation: (typeof OPERATIONS)[number];

  @Whole({
    description: 'How long drain_and_remove waits for connections to end',
    minimum: 0,
    maximum: DRAIN_SECONDS_AT_MOST,
    unit: 's',
  })
  drainSeconds: number = 60;

  @Nested(() => TlsParams, { description: 'TLS to the appliance', optional: true })
  tls?: TlsParams;

  problems(): FieldError[] {
    if (this.members.length === 0) return [{ pointer: '/members', detail: 'must name at least one member' }];
    return this.members.flatMap((text, index) =>
      memberIn(text) ? [] : [{ pointer: `/members/${index}`, detail: MEMBER_HINT }],
    );
  }
}

/** Changes members of a pool one by one: nobody else's change of the pool is lost. */
@ActionMapping({
  type: 'f5_pool_members',
  title: 'F5 pool members',
  description: 'Adds, removes, enables, disables or drains members of a pool of an F5 BIG-IP',
  params: F5PoolMembersParams,
})
@Injectable()
export class F5PoolMembers implements Action<F5PoolMembersParams> {
  private readonly icontrol = new IControl();

  async execute(params: F5PoolMembersParams, context: ActionContext): Promise<ActionResult> {
    const said: string[] = [];
    const drained: string[] = [];
    for (const member of membersOf(params)) {
      const outcome = await this.change(params, member, context);
      said.push(`${member.name} ${outcome}`);
      if (outcome === 'disabled') drained.push(member.name);
    }
    const detail = said.join(', ');
    if (params.operation !== 'drain_and_remove' || drained.length === 0) return { detail };
    const drainUntil = new Date(context.now.getTime() + params.drainSeconds * 1000).toISOString();
    return { waiting: { drainUntil, members: drained }, detail: `${detail}; drained until ${drainUntil}` };
  }

  /** Removes each member that has no connections left, at the deadline all of them. */
  async follow(
    params: F5PoolMembersParams,
    { drainUntil, members }: Waiting,
    context: ActionContext,
  ): Promise<ActionResult> {
    const isOver = context.now.getTime() >= Date.parse(String(drainUntil));
    const said: string[] = [];
    const left: string[] = [];
    for (const name of members as string[]) {
      const connections = isOver ? undefined : await this.connections(params, name, context);
      if (isOver || connections === 0 || connections === 'gone') {
        said.push(`${name} ${await this.remove(params, name, context)}${isOver ? ' at the deadline' : ''}`);
      } else {
        left.push(name);
        said.push(`${name} has ${connections ?? 'an unknown number of'} connections`);
      }
    }
    const detail = said.join(', ');
    return left.length === 0 ? { detail } : { waiting: { drainUntil, members: left }, detail };
  }

  preview(params: F5PoolMembersParams): object {
    const requests = membersOf(params).map((member) => {
      const { method, path, body } = callFor(params, member);
      return { method, url: originOf(params.url) + path, body };
    });
    return { requests };
  }

  /** A member is named: added twice it is there once, removed twice it is gone. */
  idempotent(): boolean {
    return true;
  }

  waitsAtMost({ drainSeconds }: F5PoolMembersParams): number {
    return drainSeconds + REMOVAL_SECONDS;
  }

  /** @returns what came of it, as the end of a sentence */
  private async change(params: F5PoolMembersParams, member: Member, context: ActionContext): Promise<string> {
    const { operation } = params;
    if (operation === 'remove') return this.remove(params, member.name, context);
    const deed = `${operation} of ${targetOf(params, member.name)}`;
    const answer = await this.icontrol.call(params, callFor(params, member), deed, context);
    if (operation === 'add') {
      if (answer.status === 409 && MEMBER_IS_THERE.test(messageIn(answer))) return 'was there already';
      expectMember(answer, deed);
      return 'added';
    }
    if (operation === 'drain_and_remove' && isGone(answer)) return 'was gone already';
    expectMember(answer, deed);
    return operation === 'enable' ? 'enabled' : 'disabled';
  }

  private async remove(params: F5PoolMembersParams, name: string, context: ActionContext): Promise<string> {
    const deed = `removal of ${targetOf(params, name)}`;
    const call: F5Call = { method: 'DELETE', path: memberPath(params, name) };
    const answer = await this.icontrol.call(params, call, deed, context);
    if (isGone(answer)) return 'was gone already';
    if (answer.status !== 200) throw refusal(answer, deed);
    // BIG-IP answers with an empty body.
    if (answer.body.length > 0 && answer.json === undefined)
      throw new Ambiguous(`${deed} was answered 200, but not as BIG-IP does; it may have been done`);
    return 'removed';
  }

  /** Connections the member has now. Undefined when BIG-IP does not tell. */
  private async connections(
    params: F5PoolMembersParams,
    name: string,
    context: ActionContext,
  ): Promise<number | 'gone' | undefined> {
    const deed = `reading the connections of ${targetOf(params, name)}`;
    const call: F5Call = { method: 'GET', path: `${memberPath(params, name)}/stats` };
    const answer = await this.icontrol.call(params, call, deed, context);
    if (isGone(answer)) return 'gone';
    if (answer.status !== 200) throw refusal(answer, deed);
    return connectionsIn(answer.json);
  }
}

const membersOf = ({ members }: F5PoolMembersParams): Member[] => members.map((text) => memberIn(text)!);

const targetOf = ({ partition, pool, url }: F5PoolMembersParams, name: string): string =>
  `${name} of pool /${partition}/${pool} at ${new URL(url).host}`;

const isGone = (answer: JsonAnswer): boolean =>
  answer.status === 404 && MEMBER_IS_GONE.test(messageIn(answer));

function callFor(params: F5PoolMembersParams, { name, address }: Member): F5Call {
  const { operation, partition } = params;
  if (operation === 'remove') return { method: 'DELETE', path: memberPath(params, name) };
  if (operation === 'add')
    return { method: 'POST', path: `${poolPath(params)}/members`, body: { name, partition, address } };
  const body = operation === 'enable' ? ENABLED : DISABLED;
  return { method: 'PATCH', path: memberPath(params, name), body };
}

/** @throws Permanent when the rendered pool is none: it would become part of another path */
function poolPath({ partition, pool }: F5PoolMembersParams): string {
  if (!POOL.test(pool)) throw new Permanent(`pool ${JSON.stringify(pool)} can't be asked: it ${POOL_HINT}`);
  return `/mgmt/tm/ltm/pool/~${partition}~${pool}`;
}

const memberPath = (params: F5PoolMembersParams, name: string): string =>
  `${poolPath(params)}/members/~${params.partition}~${name.replaceAll('%', '%25')}`;

/** @throws Ambiguous when a success does not speak of a member */
function expectMember(answer: JsonAnswer, deed: string): void {
  if (answer.status !== 200) throw refusal(answer, deed);
  const { kind } = Object(answer.json) as { kind?: unknown };
  if (typeof kind !== 'string' || !kind.startsWith('tm:ltm:pool:members:'))
    throw new Ambiguous(`${deed} was answered 200, but not as BIG-IP does; it may have been done`);
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
