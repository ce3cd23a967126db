import { isIn } from '../common/addresses';
import type { SnmpSourceParams } from './formats/snmp.format';

interface Source {
  id: string;
  name: string;
  params: SnmpSourceParams;
}

/**
 * Returns warnings about communities and users that a source shares with others. A notification goes to the oldest
 * source that has its community or user and allows its address, so a younger one may never get it. Communities are not
 * shown.
 *
 * @param sources oldest first
 */
export function sharedWarnings(sources: readonly Source[], id: string): string[] {
  const own = sources.findIndex((source) => source.id === id);
  if (own < 0) return [];
  return sources.flatMap((other, index) => {
    if (index === own || !meet(sources[own]!.params.allowFrom, other.params.allowFrom)) return [];
    const shared = sharedBy(sources[own]!.params, other.params);
    if (shared === undefined) return [];
    const whose = index < own ? `${other.name}, which is older,` : 'this one, which is older,';
    return [
      `shares ${shared} with source ${other.name}: ${whose} takes what comes from networks that both allow`,
    ];
  });
}

/** Describes what two sources share, such as "a community and the user noc"; undefined when nothing. */
function sharedBy(one: SnmpSourceParams, other: SnmpSourceParams): string | undefined {
  const communities = one.communities.filter((community) => other.communities.includes(community)).length;
  const names = new Set(other.users.map(({ user }) => user));
  const users = one.users.map(({ user }) => user).filter((user) => names.has(user));
  const parts = [
    ...(communities === 0 ? [] : [communities === 1 ? 'a community' : `${communities} communities`]),
    ...(users.length === 0 ? [] : [`the ${users.length === 1 ? 'user' : 'users'} ${users.join(', ')}`]),
  ];
  return parts.length === 0 ? undefined : parts.join(' and ');
}

/** Tells whether two lists of networks have an address in common; an empty list has all. */
function meet(one: readonly string[], other: readonly string[]): boolean {
  if (one.length === 0 || other.length === 0) return true;
  return one.some((left) => other.some((right) => isIn(left, baseOf(right)) || isIn(right, baseOf(left))));
}

const baseOf = (network: string): string => network.split('/')[0]!;
