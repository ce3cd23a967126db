import type { BlockList } from 'node:net';
import type { SourceLimits } from '../auth/identities';
import { blockListOf, isListed } from '../common/addresses';
import type { SnmpUser } from '../snmp/snmp-target';
import type { SnmpSourceParams } from '../alerts/formats/snmp.format';
import { TrapRules } from './trap-rules';

/** Source of SNMP notifications, with its params ready for the listener. */
export class TrapSource {
  private readonly communities: ReadonlySet<string>;
  private readonly users: ReadonlyMap<string, SnmpUser>;
  private readonly allowed: Networks | undefined;
  private readonly relays: Networks;
  readonly rules: TrapRules;

  constructor(
    readonly id: string,
    readonly name: string,
    { communities, users, allowFrom, relays, pairs, events }: SnmpSourceParams,
    readonly limits?: SourceLimits,
  ) {
    // Communities are bytes; each stands for one character here.
    this.communities = new Set(communities.map((community) => Buffer.from(community).toString('latin1')));
    this.users = new Map(users.map((user) => [user.user, user]));
    this.allowed = allowFrom.length === 0 ? undefined : new Networks(allowFrom);
    this.relays = new Networks(relays);
    this.rules = new TrapRules(pairs, events);
  }

  allows(address: string): boolean {
    return this.allowed?.has(address) ?? true;
  }

  /** Tells whether the address may say from whom it has a notification. */
  isRelay(address: string): boolean {
    return this.relays.has(address);
  }

  accepts(community: Buffer): boolean {
    return this.communities.has(community.toString('latin1'));
  }

  user(name: string): SnmpUser | undefined {
    return this.users.get(name);
  }
}

/** Set of networks; an empty one has no address. */
class Networks {
  private readonly list: BlockList;

  constructor(private readonly networks: readonly string[]) {
    this.list = blockListOf(networks);
  }

  has(address: string): boolean {
    return this.networks.length > 0 && isListed(this.list, address);
  }
}
