import { canonical } from '../common/addresses';
import type { Node } from '../metrics/metric';
import type { Member } from './load-balancer';

/**
 * Record of an address at which a node was seen. Its member is ours from then on: it may be removed when the node is
 * gone. Members at other addresses belong to somebody else.
 */
export interface Remembered {
  /** Id of the node that was there last. */
  node: string;
  name: string;
  /** Moment at which a node was first seen there. */
  seenAt: string;
  /**
   * Moment at which the member is removed whatever connections it has; present when its node is gone and it is
   * disabled.
   */
  drainUntil?: string;
}

/** Records by address. */
export type Memory = Record<string, Remembered>;

export interface Facts {
  /** All members of the pool, as it was read. */
  members: readonly Member[];
  /** All existing nodes. */
  nodes: readonly Node[];
  memory: Readonly<Memory>;
  /** Connections of draining members by name; absent ones are unknown. */
  connections: ReadonlyMap<string, number>;
  drainSeconds: number;
  now: Date;
}

export interface Step {
  change: 'add' | 'enable' | 'disable' | 'remove';
  address: string;
  /** Name of its member; absent while there is none. */
  member?: string;
  /** Reason, as a sentence. */
  why: string;
}

export interface Plan {
  /** Steps, to be taken in this order until one fails. */
  steps: Step[];
  /** Records to store before the first step is taken. */
  memory: Memory;
  /** Sentences about members that wait for their connections to end. */
  draining: string[];
  /** Sentences about what is not done, since it would leave the pool without a member that takes work. */
  held: string[];
}

/**
 * Returns the changes that make the pool follow the nodes. New nodes are added before the members of gone ones are
 * disabled; a disabled member is removed when it has no connections left, or when its time is over.
 *
 * Undefined when no node has an address: an empty list is not trusted, and nothing is changed.
 */
export function planOf(facts: Facts): Plan | undefined {
  const at = addressed(facts.nodes);
  if (at.size === 0) return undefined;
  const plan: Plan = { steps: [], memory: {}, draining: [], held: [] };
  join(plan, at, facts);
  leave(plan, at, facts);
  return plan;
}

function join(plan: Plan, at: ReadonlyMap<string, Node>, { members, memory, now }: Facts): void {
  for (const [address, { id: node, name }] of at) {
    const { seenAt = now.toISOString(), drainUntil } = memory[address] ?? {};
    const member = memberAt(members, address);
    // Disabled by a person it stays so; disabled by us it is ours to enable, and remembered until it is.
    const isOurs = member?.isEnabled === false && drainUntil !== undefined;
    plan.memory[address] = { node, name, seenAt, ...(isOurs ? { drainUntil } : {}) };
    const why = `node ${name} is there`;
    if (member === undefined) plan.steps.push({ change: 'add', address, why });
    else if (isOurs) plan.steps.push({ change: 'enable', address, member: member.name, why });
  }
}

function leave(plan: Plan, at: ReadonlyMap<string, Node>, facts: Facts): void {
  const { members, nodes, memory, connections, drainSeconds, now } = facts;
  let pool = plan.steps.reduce(after, members);
  for (const [address, remembered] of Object.entries(memory)) {
    const member = memberAt(members, address);
    if (at.has(address) || member === undefined) continue;
    plan.memory[address] = remembered;
    if (nodes.some((node) => node.id === remembered.node && node.address === undefined)) continue;
    const absence = absenceOf(remembered, nodes);
    const begun = member.isEnabled ? undefined : remembered.drainUntil;
    const drainUntil = begun ?? new Date(now.getTime() + drainSeconds * 1000).toISOString();
    const left = connections.get(member.name);
    const isOver = left === 0 || now.getTime() >= Date.parse(drainUntil);
    if (!member.isEnabled && !isOver) {
      plan.memory[address] = { ...remembered, drainUntil };
      plan.draining.push(`${member.name} drains until ${drainUntil}, ${connectionsText(left)}`);
    } else if (!maySpare(pool, member)) {
      plan.held.push(`${member.name} stays although ${absence}: no other member takes work`);
    } else {
      plan.memory[address] = { ...remembered, drainUntil };
      const end = left === 0 ? 'it has no connections' : `its ${drainSeconds} s are over`;
      const step: Step = member.isEnabled
        ? { change: 'disable', address, member: member.name, why: absence }
        : { change: 'remove', address, member: member.name, why: `${absence}, and ${end}` };
      plan.steps.push(step);
      pool = after(pool, step);
    }
  }
}

/** Returns the members after a step. */
export function after(members: readonly Member[], { change, address, member }: Step): readonly Member[] {
  const isIt = ({ name }: Member): boolean => name === member;
  switch (change) {
    case 'add':
      // Whether it is up is for the load balancer to find out.
      return [...members, { name: member ?? address, address, isEnabled: true, isUp: false }];
    case 'remove':
      return members.filter((one) => !isIt(one));
    default:
      return members.map((one) => (isIt(one) ? { ...one, isEnabled: change === 'enable' } : one));
  }
}

/** Returns the members whose connections must be counted: our disabled ones. */
export const drainingAmong = (members: readonly Member[], memory: Memory): Member[] =>
  members.filter(({ address, isEnabled }) => !isEnabled && memory[canonical(address ?? '')]?.drainUntil);

/** Member as it is shown. */
export interface Seat {
  member: string;
  address?: string;
  /** Name of the node that is or was there. */
  node?: string;
  /**
   * State. in: takes work; down: enabled, but the load balancer says that it is not up; draining: its node is gone;
   * disabled: by a person; foreign: no node was ever seen there, so it is left alone.
   */
  state: 'in' | 'down' | 'draining' | 'disabled' | 'foreign';
  drainUntil?: string;
}

export function seatsOf(members: readonly Member[], memory: Memory): Seat[] {
  return members.map(({ name: member, address, isEnabled, isUp }) => {
    const known = address === undefined ? undefined : memory[canonical(address)];
    const seat = { member, ...(address === undefined ? {} : { address }) };
    if (known === undefined) return { ...seat, state: 'foreign' };
    const { name: node, drainUntil } = known;
    if (isEnabled) return { ...seat, node, state: isUp ? 'in' : 'down' };
    if (drainUntil === undefined) return { ...seat, node, state: 'disabled' };
    return { ...seat, node, state: 'draining', drainUntil };
  });
}

/** Returns nodes by address; if two have the same one, the first counts. */
function addressed(nodes: readonly Node[]): Map<string, Node> {
  const at = new Map<string, Node>();
  for (const node of nodes) {
    if (node.address === undefined) continue;
    const address = canonical(node.address);
    if (!at.has(address)) at.set(address, node);
  }
  return at;
}

const memberAt = (members: readonly Member[], address: string): Member | undefined =>
  members.find((member) => member.address !== undefined && canonical(member.address) === address);

/**
 * Tells whether the pool can do without a member: another one is enabled and, if this one is up, another is up as well.
 */
function maySpare(pool: readonly Member[], { name, isEnabled, isUp }: Member): boolean {
  const others = pool.filter((other) => other.name !== name && other.isEnabled);
  return others.some((other) => other.isUp || !(isEnabled && isUp));
}

function absenceOf({ node, name }: Remembered, nodes: readonly Node[]): string {
  const moved = nodes.find(({ id }) => id === node);
  return moved === undefined ? `node ${name} is gone` : `node ${name} is at ${moved.address} now`;
}

const connectionsText = (left: number | undefined): string =>
  left === undefined ? 'connections unknown' : `${left} connections left`;
