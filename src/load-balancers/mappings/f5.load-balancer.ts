import { Injectable } from '@nestjs/common';
import { Nested, Text, Whole } from '../../common/fields';
import { bareAddress, isSameAddress, type RouteDomains } from '../../targets/f5/meaning';
import { memberIn } from '../../targets/f5/members';
import {
  F5Pools,
  NoSuchMember,
  PARTITION,
  POOL,
  spoken,
  type F5Pool,
  type PoolMember,
} from '../../targets/f5/pool';
import { ORIGIN } from '../../targets/http/origin';
import { TlsParams } from '../../targets/http/params';
import { LoadBalancerMapping, type CallContext, type LoadBalancer, type Member } from '../load-balancer';

export class F5Params implements F5Pool {
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
    minLength: 1,
    ...POOL,
    example: 'web',
  })
  pool: string;

  @Whole({
    directs: 'nothing',
    description: 'Port at which nodes take work',
    minimum: 1,
    maximum: 65_535,
    example: 80,
  })
  port: number;

  @Whole({
    directs: 'nothing',
    description: 'How long the connections of a member may last when its node is gone',
    minimum: 0,
    maximum: 86_400,
    unit: 's',
  })
  drainSeconds: number = 60;

  @Nested(() => TlsParams, { description: 'TLS to the appliance', optional: true })
  tls?: TlsParams;
}

@LoadBalancerMapping({
  type: 'f5',
  title: 'F5 BIG-IP',
  description: 'Members of a pool of an F5 BIG-IP',
  params: F5Params,
})
@Injectable()
export class F5 implements LoadBalancer<F5Params> {
  private readonly pools = new F5Pools();

  pool(params: F5Params): string {
    return `${spoken(params)}, port ${params.port}`;
  }

  async members(params: F5Params, context: CallContext): Promise<Member[]> {
    const members = await this.pools.members(params, context);
    const defaults = this.pools.routeDomains(params, context);
    return Promise.all(
      members.map(async (member) => {
        const { name, isEnabled, isUp } = member;
        const address = await addressOf(member, params, defaults);
        return { name, ...(address === undefined ? {} : { address }), isEnabled, isUp };
      }),
    );
  }

  nameOf(params: F5Params, address: string): string {
    return memberAt(address, params).name;
  }

  async add(params: F5Params, address: string, context: CallContext): Promise<void> {
    await this.pools.add(params, memberAt(address, params), context);
  }

  async enable(params: F5Params, member: string, context: CallContext): Promise<void> {
    await this.pools.enable(params, member, context);
  }

  async disable(params: F5Params, member: string, context: CallContext): Promise<void> {
    await unlessGone(this.pools.disable(params, member, context));
  }

  async remove(params: F5Params, member: string, context: CallContext): Promise<void> {
    await this.pools.remove(params, member, context);
  }

  connections(params: F5Params, member: string, context: CallContext): Promise<number | undefined> {
    return this.pools.connections(params, member, context);
  }

  drainSeconds({ drainSeconds }: F5Params): number {
    return drainSeconds;
  }
}

/**
 * Returns the address of a member in the form that our nodes have it: without the route domain if that is the
 * partition's default. A member in another route domain keeps it, so it matches no node of ours. Undefined for another
 * port, and for members that BIG-IP makes and removes itself.
 */
async function addressOf(
  { address, partition, port, isEphemeral }: PoolMember,
  params: F5Params,
  defaults: RouteDomains,
): Promise<string | undefined> {
  if (address === undefined || port !== params.port || isEphemeral) return undefined;
  const bare = bareAddress(address)!;
  const ours = { address: bare, partition: params.partition };
  return (await isSameAddress(ours, { address, partition }, defaults)) ? bare : address;
}

/**
 * Returns the member at a node's address.
 *
 * @param address IPv4 or IPv6
 */
const memberAt = (address: string, { port }: F5Params) => memberIn(`${address}:${port}`)!;

async function unlessGone(change: Promise<unknown>): Promise<void> {
  try {
    await change;
  } catch (error) {
    if (!(error instanceof NoSuchMember)) throw error;
  }
}
