import { Injectable } from '@nestjs/common';
import type { SelfChecking } from '../../common/check';
import type { FieldError } from '../../common/errors';
import { Choice, Nested, Text, TextList, Whole } from '../../common/fields';
import { MEMBER_HINT, memberIn, type Member } from '../../targets/f5/members';
import { callFor, F5Pools, NoSuchMember, PARTITION, POOL, type F5Pool } from '../../targets/f5/pool';
import { hostIn } from '../../targets/http/host';
import { ORIGIN, originOf } from '../../targets/http/origin';
import { TlsParams } from '../../targets/http/params';
import { ActionMapping, type Action, type ActionContext, type ActionResult, type Waiting } from '../action';

const OPERATIONS = ['add', 'remove', 'enable', 'disable', 'drain_and_remove'] as const;
const DRAIN_SECONDS_AT_MOST = 86_400;
/** An appliance that is away at the deadline is asked for so long. */
const REMOVAL_SECONDS = 3_600;

export class F5PoolMembersParams implements F5Pool, SelfChecking {
  @Text({ description: 'Where the appliance answers', ...ORIGIN, example: 'https://bigip.example.com' })
  url: string;

  @Text({ description: 'User that logs in', minLength: 1, example: 'scaler' })
  username: string;

  @Text({ description: 'Password of the user', secret: true, minLength: 1 })
  password: string;

  @Text({ description: 'Partition of the pool and its members', ...PARTITION })
  partition: string = 'Common';

  @Text({
    description: 'Name of the pool, without its partition',
    template: 'text',
    minLength: 1,
    ...POOL,
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
  capacity: 'none',
})
@Injectable()
export class F5PoolMembers implements Action<F5PoolMembersParams> {
  private readonly pools = new F5Pools();

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
      if (isOver || connections === 0) {
        const outcome = await this.pools.remove(params, name, context);
        said.push(`${name} ${outcome}${isOver ? ' at the deadline' : ''}`);
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
      const { method, path, body } = callFor(params, changeOf(params), member);
      return { method, url: originOf(params.url) + path, body };
    });
    return { requests };
  }

  target({ url }: F5PoolMembersParams): string | undefined {
    return hostIn(url);
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
    const { name } = member;
    switch (params.operation) {
      case 'add':
        return this.pools.add(params, member, context);
      case 'remove':
        return this.pools.remove(params, name, context);
      case 'enable':
        return this.pools.enable(params, name, context);
      case 'disable':
        return this.pools.disable(params, name, context);
      case 'drain_and_remove':
        return unlessGone(this.pools.disable(params, name, context), 'was gone already');
    }
  }

  /** One that is gone has none. */
  private async connections(params: F5PoolMembersParams, name: string, context: ActionContext) {
    return unlessGone(this.pools.connections(params, name, context), 0);
  }
}

/** Draining begins with it. */
const changeOf = ({ operation }: F5PoolMembersParams) =>
  operation === 'drain_and_remove' ? 'disable' : operation;

async function unlessGone<T, G>(change: Promise<T>, gone: G): Promise<T | G> {
  try {
    return await change;
  } catch (error) {
    if (!(error instanceof NoSuchMember)) throw error;
    return gone;
  }
}

const membersOf = ({ members }: F5PoolMembersParams): Member[] => members.map((text) => memberIn(text)!);
