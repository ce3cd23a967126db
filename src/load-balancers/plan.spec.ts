import fc from 'fast-check';
import type { Node } from '../metrics/metric';
import type { Member } from './load-balancer';
import { after, drainingAmong, planOf, seatsOf, type Memory, type Plan } from './plan';

const START = Date.parse('2026-01-01T12:00:00Z');
const DRAIN_SECONDS = 60;

/** Members as `1 2! 3?`: `!` is disabled, `?` is enabled and not up. */
const pool = (text: string): Member[] =>
  text
    .split(' ')
    .filter(Boolean)
    .map((word) => ({
      name: `10.0.0.${parseInt(word)}:80`,
      address: `10.0.0.${parseInt(word)}`,
      isEnabled: !word.endsWith('!'),
      isUp: !word.endsWith('?'),
    }));
/** Nodes as `1 2? 3@9`: `?` has no address now, `3@9` is node 3 at the address of 9. */
const farm = (text: string): Node[] =>
  text
    .split(' ')
    .filter(Boolean)
    .map((word) => {
      const [id = '', at = id] = word.replace('?', '').split('@');
      return { id, name: `web-${id}`, ...(word.endsWith('?') ? {} : { address: `10.0.0.${at}` }) };
    });
/** `+1` is added, `^1` enabled, `!1` disabled, `-1` removed. */
const shortly = (plan: Plan | undefined): string =>
  plan === undefined
    ? 'not believed'
    : plan.steps.map(({ change, address }) => SIGNS[change] + address.split('.').at(-1)).join(' ');
const SIGNS = { add: '+', enable: '^', disable: '!', remove: '-' };

/** A pool and what is remembered of it, synced now and then. */
class Story {
  members: readonly Member[];
  memory: Memory = {};
  plan: Plan | undefined;
  connections: Record<number, number> = {};

  constructor(members: string) {
    this.members = pool(members);
  }

  sync(second: number, nodes: string, stopAfter = Infinity): string {
    const counts = Object.entries(this.connections).map(([id, left]) => [`10.0.0.${id}:80`, left] as const);
    this.plan = planOf({
      members: this.members,
      nodes: farm(nodes),
      memory: this.memory,
      connections: new Map(counts),
      drainSeconds: DRAIN_SECONDS,
      now: new Date(START + second * 1000),
    });
    if (this.plan === undefined) return 'not believed';
    this.memory = JSON.parse(JSON.stringify(this.plan.memory)) as Memory;
    for (const step of this.plan.steps.slice(0, stopAfter)) {
      this.members = after(this.members, { member: `${step.address}:80`, ...step });
    }
    return shortly(this.plan);
  }

  /** New members have been looked at. */
  allUp(): void {
    this.members = this.members.map((member) => ({ ...member, isUp: true }));
  }

  get states(): string {
    return seatsOf(this.members, this.memory)
      .map(({ member, state }) => `${member.replace(/^10\.0\.0\.|:80$/g, '')} ${state}`)
      .join(', ');
  }
}

test('nodes that are new are added, and what is there stays', () => {
  const story = new Story('1');
  expect(story.sync(0, '1 2 3')).toBe('+2 +3');
  expect(story.sync(10, '1 2 3')).toBe('');
  expect(story.states).toBe('1 in, 2 down, 3 down');
});

test('a node that is gone is disabled, then removed when its connections have ended', () => {
  const story = new Story('1 2');
  expect(story.sync(0, '1 2')).toBe('');
  expect(story.sync(10, '1')).toBe('!2');
  expect(story.states).toBe('1 in, 2 draining');
  story.connections = { 2: 3 };
  expect(story.sync(20, '1')).toBe('');
  expect(story.plan!.draining).toEqual([
    '10.0.0.2:80 drains until 2026-01-01T12:01:10.000Z, 3 connections left',
  ]);
  story.connections = { 2: 0 };
  expect(story.sync(30, '1')).toBe('-2');
  expect(story.plan!.steps[0]!.why).toBe('node web-2 is gone, and it has no connections');
  story.sync(40, '1');
  expect(Object.keys(story.memory)).toEqual(['10.0.0.1']);
});

test('at the end of its time it is removed whatever connections it has, also when they are not known', () => {
  const story = new Story('1 2');
  story.sync(0, '1 2');
  story.sync(10, '1');
  expect(story.sync(69, '1')).toBe('');
  expect(story.plan!.draining).toEqual([expect.stringMatching(/connections unknown$/)]);
  expect(story.sync(70, '1')).toBe('-2');
  expect(story.plan!.steps[0]!.why).toBe('node web-2 is gone, and its 60 s are over');
});

test('a node that comes back while it drains is enabled again', () => {
  const story = new Story('1 2');
  story.sync(0, '1 2');
  story.sync(10, '1');
  expect(story.sync(20, '1 2')).toBe('^2');
  expect(story.sync(30, '1 2')).toBe('');
  expect(story.states).toBe('1 in, 2 in');
  expect(story.memory['10.0.0.2']).not.toHaveProperty('drainUntil');
});

test('enabling that failed is done at the next sync', () => {
  const story = new Story('1 2');
  story.sync(0, '1 2');
  story.sync(10, '1');
  expect(story.sync(20, '1 2', 0)).toBe('^2');
  expect(story.sync(30, '1 2')).toBe('^2');
});

test('a member that a person put there is left alone, until a node is seen there', () => {
  const story = new Story('1 7');
  story.sync(0, '1');
  expect(story.sync(10, '1')).toBe('');
  expect(story.states).toBe('1 in, 7 foreign');
  story.sync(20, '1 7');
  expect(story.sync(30, '1')).toBe('!7');
});

test('a member that a person disabled stays disabled while its node is there, and goes with it', () => {
  const story = new Story('1 2!');
  expect(story.sync(0, '1 2')).toBe('');
  expect(story.states).toBe('1 in, 2 disabled');
  expect(story.sync(10, '1')).toBe('');
  expect(story.sync(20, '1 2', 0)).toBe('^2');
  expect(story.sync(70, '1')).toBe('-2');
});

test('an empty list of nodes, or one without any address, is not believed', () => {
  const story = new Story('1 2');
  story.sync(0, '1 2');
  expect(story.sync(10, '')).toBe('not believed');
  expect(story.sync(20, '1? 2?')).toBe('not believed');
  expect(story.states).toBe('1 in, 2 in');
});

test('a node whose address is not known for now keeps its member', () => {
  const story = new Story('1 2');
  story.sync(0, '1 2');
  expect(story.sync(10, '1 2? 3?')).toBe('');
  expect(story.sync(20, '1 3?')).toBe('!2');
});

test('a node that moves has its new member added before the old one is disabled', () => {
  const story = new Story('1 2');
  story.sync(0, '1 2');
  expect(story.sync(10, '1 2@9')).toBe('+9 !2');
  expect(story.plan!.steps[1]!.why).toBe('node web-2 is at 10.0.0.9 now');
});

test('an address that another node has taken is its member now', () => {
  const story = new Story('1 2');
  story.sync(0, '1 2');
  story.sync(10, '1');
  expect(story.sync(20, '1 5@2')).toBe('^2');
  expect(story.plan!.steps[0]!.why).toBe('node web-5 is there');
});

test('when all nodes are replaced, the last old one stays until a new one is up', () => {
  const story = new Story('1 2');
  story.sync(0, '1 2');
  expect(story.sync(10, '3 4')).toBe('+3 +4 !1');
  expect(story.plan!.held).toEqual([
    '10.0.0.2:80 stays although node web-2 is gone: no other member takes work',
  ]);
  expect(story.sync(20, '3 4')).toBe('');
  story.allUp();
  expect(story.sync(30, '3 4')).toBe('!2');
});

test.each([
  ['the only member', '1', '2', '+2'],
  ['the only one that is up', '1 3?', '2 3', '+2'],
  ['one of two that are up', '1 3', '2 3', '+2 !1'],
  ['one that is down beside one that is down', '1? 3?', '2 3', '+2 !1'],
  ['one that is down, beside a new one alone', '1?', '2', '+2 !1'],
  ['one that is up beside a disabled one', '1 3!', '2 3', '+2'],
])('%s', (_, members, nodes, expected) => {
  const story = new Story(members);
  story.memory = { '10.0.0.1': { node: '1', name: 'web-1', seenAt: '' } };
  expect(story.sync(0, nodes)).toBe(expected);
});

test('a drained member is not removed while no other takes work', () => {
  const story = new Story('1 2');
  story.sync(0, '1 2');
  story.sync(10, '1');
  story.members = pool('1! 2!');
  expect(story.sync(200, '1')).toBe('');
  expect(story.plan!.held).toHaveLength(1);
});

test('whatever comes, no step takes the last member that takes work, nor one that nobody knows', () => {
  const few = fc.integer({ min: 1, max: 6 });
  const member = fc.tuple(few, fc.constantFrom('', '!', '?')).map(([id, mark]) => `${id}${mark}`);
  const members = fc
    .uniqueArray(member, { selector: (word) => parseInt(word) })
    .map((words) => words.join(' '));
  const nodes = fc.uniqueArray(few).map((ids) => ids.join(' '));
  const left = fc.dictionary(few.map(String), fc.nat({ max: 1 }));
  const rounds = fc.array(
    fc.record({ nodes, left, lasts: fc.nat({ max: 90 }), stopAfter: fc.nat({ max: 6 }) }),
  );
  fc.assert(
    fc.property(members, rounds, (given, played) => {
      const story = new Story(given);
      let second = 0;
      for (const { nodes, left, lasts, stopAfter } of played) {
        const before = story.members;
        const known = new Set(Object.keys(story.memory));
        story.connections = left;
        story.sync((second += lasts), nodes, stopAfter);
        let now = before;
        for (const step of (story.plan?.steps ?? []).slice(0, stopAfter)) {
          const were = takers(now);
          now = after(now, { member: `${step.address}:80`, ...step });
          const are = takers(now);
          expect(are.enabled).toBeGreaterThanOrEqual(Math.min(were.enabled, 1));
          expect(are.up).toBeGreaterThanOrEqual(Math.min(were.up, 1));
          if (step.change !== 'add') expect(known).toContain(step.address);
        }
      }
    }),
  );
});

const takers = (members: readonly Member[]) => {
  const enabled = members.filter(({ isEnabled }) => isEnabled);
  return { enabled: enabled.length, up: enabled.filter(({ isUp }) => isUp).length };
};

test('a sync that ends half-way is taken up by the next, from what is there', () => {
  const story = new Story('1 2');
  story.sync(0, '1 2');
  expect(story.sync(10, '1 3 4', 1)).toBe('+3 +4 !2');
  expect(story.sync(20, '1 3 4', 1)).toBe('+4 !2');
  expect(story.sync(100, '1 3 4')).toBe('!2');
  // Its time begins when it is disabled, not when that was first tried.
  expect(story.memory['10.0.0.2']!.drainUntil).toBe('2026-01-01T12:02:40.000Z');
});

test('addresses are compared in one spelling', () => {
  const members = [{ name: '2001:db8::1.80', address: '2001:db8::1', isEnabled: true, isUp: true }];
  const nodes = [{ id: '1', name: 'web-1', address: '2001:DB8:0::1' }];
  const now = new Date(START);
  const plan = planOf({ members, nodes, memory: {}, connections: new Map(), drainSeconds: 60, now });
  expect(plan).toMatchObject({ steps: [], memory: { '2001:db8::1': { node: '1' } } });
});

test('connections are counted of our own disabled members alone', () => {
  const drainUntil = '2026-01-01T12:01:00.000Z';
  const remembered = { node: '1', name: 'web-1', seenAt: '' };
  const memory = { '10.0.0.1': { ...remembered, drainUntil }, '10.0.0.2': remembered };
  expect(drainingAmong(pool('1! 2! 3!'), memory)).toMatchObject([{ name: '10.0.0.1:80' }]);
  expect(drainingAmong(pool('1 2 3'), memory)).toEqual([]);
});
