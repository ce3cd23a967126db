import { Injectable } from '@nestjs/common';
import { Nested, Text, Whole } from '../../common/fields';
import { memberIn } from '../../targets/f5/members';
import { F5Pools, NoSuchMember, PARTITION, POOL, spoken, type F5Pool } from '../../targets/f5/pool';
import { ORIGIN } from '../../targets/http/origin';
import { TlsParams } from '../../targets/http/params';
import { LoadBalancerMapping, type CallContext, type LoadBalancer, type Member } from '../load-balancer';

export class F5Params implements F5Pool {
  @Text({ description: 'Where the appliance answers', ...ORIGIN, example: 'https://bigip.example.com' })
  url: string;

  @Text({ description: 'User that logs in', minLength: 1, example: 'scaler' })
  username: string;

  @Text({ description: 'Password of the user', secret: true, minLength: 1 })
  password: string;

  @Text({ description: 'Partition of the pool and its members', ...PARTITION })
  partition: string = 'Common';

  @Text({ description: 'Name of the pool, without its partition', minLength: 1, ...POOL, example: 'web' })
  pool: string;

  @Whole({ description: 'Port at which nodes take work', minimum: 1, maximum: 65_535, example: 80 })
  port: number;

  @Whole({
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
    return members.map(({ name, address, partition, port, isEnabled, isUp }) => {
      const isOfNodes = partition === params.partition && port === params.port && address !== undefined;
      return { name, ...(isOfNodes ? { address } : {}), isEnabled, isUp };
    });
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

/** @param address of a node: IPv4 or IPv6 */
const memberAt = (address: string, { port }: F5Params) => memberIn(`${address}:${port}`)!;

async function unlessGone(change: Promise<unknown>): Promise<void> {
  try {
    await change;
  } catch (error) {
    if (!(error instanceof NoSuchMember)) throw error;
  }
}
