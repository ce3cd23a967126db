import { Injectable } from '@nestjs/common';
import type { SelfChecking } from '../../common/check';
import type { FieldError } from '../../common/errors';
import { Choice, Nested, Text, TextList, Whole } from '../../common/fields';
import { MEMBER_HINT, memberIn, type Member } from '../../targets/f5/members';
import {
  callFor,
  F5Pools,
  fullPathOf,
  NoSuchMember,
  PARTITION,
  POOL,
  spoken,
  type F5Pool,
  type PoolMember,
} from '../../targets/f5/pool';
import { hostIn } from '../../targets/http/host';
import { ORIGIN, originOf } from '../../targets/http/origin';
import { TlsParams } from '../../targets/http/params';
import {
  ActionMapping,
  Permanent,
  Retryable,
  type Action,
  type ActionContext,
  type ActionResult,
  type Waiting,
} from '../action';

const OPERATIONS = ['add', 'remove', 'enable', 'disable', 'drain_and_remove'] as const;
const DRAIN_SECONDS_AT_MOST = 86_400;
/** Time after the deadline for which removal is tried while the appliance is away, seconds. */
const REMOVAL_SECONDS = 3_600;

export class F5PoolMembersParams implements F5Pool, SelfChecking {
  @Text({
    directs: 'origin',
    description: 'Where the appliance answers',
    ...ORIGIN,
    example: 'https://bigip.example.com',
  })
  url: string;

  @Text({ description: 'User that logs in', minLength: 1, example: 'scaler' })
  username: string;

  @Text({ directs: 'nothing', description: 'Password of the user', secret: true, minLength: 1 })
  password: string;

  @Text({
    directs: 'nothing',
    description: 'Partition of the pool, and of the members that are added',
    ...PARTITION,
  })
  partition: string = 'Common';

  @Text({
    directs: 'nothing',
    description: 'Name of the pool, without its partition',
    template: 'text',
    minLength: 1,
    ...POOL,
    example: 'web',
  })
  pool: string;

  @TextList({ directs: 'nothing', description: 'Members, each address:port', example: ['10.0.0.1:80'] })
  members: string[];

  @Choice(OPERATIONS, { directs: 'nothing', description: 'What is done with the members' })
  operation: (typeof OPERATIONS)[number];

  @Whole({
    directs: 'nothing',
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

/** Changes the members of a pool one by one, so that concurrent changes of the pool by others are kept. */
@ActionMapping({
  type: 'f5_pool_members',
  title: 'F5 pool members',
  description: 'Adds, removes, enables, disables or drains members of a pool of an F5 BIG-IP',
  params: F5PoolMembersParams,
  capacity: 'none',
})
@Injectable()
export class F5PoolMembers implements Action<F5PoolMembersParams> {
  private readonly pools = new F5Pools();

  async execute(params: F5PoolMembersParams, context: ActionContext): Promise<ActionResult> {
    const present = await this.pools.members(params, context);
    const said: string[] = [];
    const changed: string[] = [];
    for (const member of membersOf(params)) {
      const found = await this.find(params, member, present, context);
      const outcome = await this.change(params, member, found, context);
      said.push(`${member.name} ${outcome}${aliasOf(member, found)}`);
      if (found !== undefined) changed.push(found.name);
    }
    const detail = said.join(', ');
    if (params.operation === 'remove') await this.expectGone(params, changed, context);
    if (params.operation !== 'drain_and_remove' || changed.length === 0) return { detail };
    const drainUntil = new Date(context.now.getTime() + params.drainSeconds * 1000).toISOString();
    return { waiting: { drainUntil, members: changed }, detail: `${detail}; drained until ${drainUntil}` };
  }

  /** Removes each member that has no connections left; at the deadline, all of them. */
  async follow(
    params: F5PoolMembersParams,
    { drainUntil, members }: Waiting,
    context: ActionContext,
  ): Promise<ActionResult> {
    const isOver = context.now.getTime() >= Date.parse(String(drainUntil));
    const present = new Set((await this.pools.members(params, context)).map(({ name }) => name));
    const said: string[] = [];
    const left: string[] = [];
    const removed: string[] = [];
    for (const name of members as string[]) {
      const isThere = present.has(name);
      const connections = isThere && !isOver ? await this.connections(params, name, context) : undefined;
      if (!isThere) {
        said.push(`${name} was gone already`);
      } else if (isOver || connections === 0) {
        said.push(
          `${name} ${await this.pools.remove(params, name, context)}${isOver ? ' at the deadline' : ''}`,
        );
        removed.push(name);
      } else {
        left.push(name);
        said.push(`${name} has ${connections ?? 'an unknown number of'} connections`);
      }
    }
    await this.expectGone(params, removed, context);
    const detail = said.join(', ');
    return left.length === 0 ? { detail } : { waiting: { drainUntil, members: left }, detail };
  }

  preview(params: F5PoolMembersParams): object {
    const requests = membersOf(params).map((member) => {
      const { method, path, body } = callFor(params, changeOf(params), member);
      return { method, url: originOf(params.url) + path, body };
    });
    return { requests };
  }

  target({ url }: F5PoolMembersParams): string | undefined {
    return hostIn(url);
  }

  /** Returns true: members have names, so adding or removing one twice changes nothing more. */
  idempotent(): boolean {
    return true;
  }

  waitsAtMost({ drainSeconds }: F5PoolMembersParams): number {
    return drainSeconds + REMOVAL_SECONDS;
  }

  /**
   * Returns the pool's member that is meant. If that can't be told, only `add` goes on: BIG-IP refuses what it already
   * has.
   */
  private async find(
    params: F5PoolMembersParams,
    member: Member,
    present: readonly PoolMember[],
    context: ActionContext,
  ): Promise<PoolMember | undefined> {
    try {
      return await this.pools.find(params, member, present, context);
    } catch (error) {
      if (params.operation === 'add' && error instanceof Permanent) return undefined;
      throw error;
    }
  }

  /**
   * Makes the change to one member.
   *
   * @returns what came of it, as the end of a sentence
   */
  private async change(
    params: F5PoolMembersParams,
    member: Member,
    found: PoolMember | undefined,
    context: ActionContext,
  ): Promise<string> {
    const name = found?.name ?? member.name;
    switch (params.operation) {
      case 'add':
        if (found === undefined) return this.pools.add(params, member, context);
        return `was there already${found.isEnabled ? '' : ', and is disabled'}`;
      case 'remove':
        if (found === undefined) return 'was gone already';
        expectLasting(found, params);
        return this.pools.remove(params, name, context);
      case 'enable':
        return this.pools.enable(params, name, context);
      case 'disable':
        return this.pools.disable(params, name, context);
      case 'drain_and_remove':
        if (found === undefined) return 'was gone already';
        expectLasting(found, params);
        return this.drain(params, name, context);
    }
  }

  /**
   * Disables a member, so that its connections end.
   *
   * @throws Retryable when the member has gone since the list was read: the next attempt will see whether it has
   */
  private async drain(params: F5PoolMembersParams, name: string, context: ActionContext): Promise<string> {
    try {
      return await this.pools.disable(params, name, context);
    } catch (error) {
      throw error instanceof NoSuchMember ? new Retryable(error.message) : error;
    }
  }

  /**
   * Returns the number of a member's connections; undefined when BIG-IP does not tell. Missing statistics do not prove
   * that the member is gone; only the list does.
   */
  private async connections(params: F5PoolMembersParams, name: string, context: ActionContext) {
    try {
      return await this.pools.connections(params, name, context);
    } catch (error) {
      if (!(error instanceof NoSuchMember)) throw error;
      return undefined;
    }
  }

  /**
   * Checks that removed members are gone.
   *
   * @throws Retryable when the pool still has one of them, although its removal was answered with success
   */
  private async expectGone(
    params: F5PoolMembersParams,
    names: readonly string[],
    context: ActionContext,
  ): Promise<void> {
    if (names.length === 0) return;
    const still = (await this.pools.members(params, context)).filter(({ name }) => names.includes(name));
    if (still.length === 0) return;
    const paths = still.map((member) => fullPathOf(member, params)).join(' and ');
    throw new Retryable(
      `${paths} of ${spoken(params)} stays, although its removal was answered with success`,
    );
  }
}

/** Returns a note with the name that the pool has for a member, if it is another one. */
const aliasOf = ({ name }: Member, found: PoolMember | undefined): string =>
  found === undefined || found.name === name ? '' : ` (the pool has it as ${found.name})`;

/**
 * Checks that a member will not come back by itself.
 *
 * @throws Permanent for one that BIG-IP made for a host name
 */
function expectLasting({ name, isEphemeral }: PoolMember, params: F5PoolMembersParams): void {
  if (isEphemeral)
    throw new Permanent(
      `${name} of ${spoken(params)} is not removed: BIG-IP made it for a host name, and makes it again; remove the member of that name`,
    );
}

/** Returns the first change of the operation: draining begins with `disable`. */
const changeOf = ({ operation }: F5PoolMembersParams) =>
  operation === 'drain_and_remove' ? 'disable' : operation;

const membersOf = ({ members }: F5PoolMembersParams): Member[] => members.map((text) => memberIn(text)!);
