import fc from 'fast-check';
import { ruleWhen } from '../../test/rule';
import { standingOf, type Ask, type AskState } from './asked';
import { evaluate, initialState, type Decided } from './evaluate';
import type { Direction } from './types';

const WARMUP_MS = 120_000;
const UNDER_WAY: AskState = { is: 'under_way' };
const done = (at: number): AskState => ({ is: 'done', at });

function ask(delta: number, desired: number, state: AskState = UNDER_WAY, left = delta): Ask {
  return { trigger: `to ${desired}`, delta, desired, left, state };
}

/** Nodes in flight by a count at second 100, for asks that were done at second 50 unless they say otherwise. */
const inFlight = (nodes: number, ...asks: Ask[]): number =>
  standingOf(asks, { nodes, at: 100_000 }, WARMUP_MS, 100_000).capacity.inFlight;

test.each<[string, number, Ask[], number]>([
  ['nothing was asked for', 5, [], 0],
  ['a counter that is late', 6, [ask(-1, 5, done(50_000))], -1],
  ['a counter that shows it at once', 5, [ask(-1, 5, done(50_000))], 0],
  ['it shows a part', 6, [ask(2, 7)], 1],
  ['more came by themselves', 9, [ask(2, 7)], 0],
  ['some left by themselves', 3, [ask(2, 7)], 2],
  ['two of one direction', 5, [ask(2, 7), ask(1, 8)], 3],
  ['the first of them is shown', 7, [ask(2, 7), ask(1, 8)], 1],
  ['up and down, none shown', 5, [ask(2, 7), ask(-1, 6)], 1],
  ['up and down, only up shown', 7, [ask(2, 7), ask(-1, 6)], -1],
  ['up and down, all shown', 6, [ask(2, 7), ask(-1, 6)], 0],
  ['one failed before the next was asked', 5, [ask(2, 7, { is: 'void' })], 0],
  ['one failed after the next was asked', 6, [ask(2, 7, { is: 'void' }), ask(1, 8)], 0],
  ['nobody has approved it', 5, [ask(2, 7, { is: 'unapproved' })], 0],
  ['the warm-up is over', 5, [ask(2, 7, done(-20_000))], 0],
  ['the warm-up of the first is over', 5, [ask(2, 7, done(-20_000)), ask(1, 8)], 1],
])('%s', (_, nodes, asks, expected) => {
  expect(inFlight(nodes, ...asks)).toBe(expected);
});

test('what was done after the count is not in it, whatever the warm-up', () => {
  const { capacity } = standingOf([ask(1, 6, done(100_001))], { nodes: 5, at: 100_000 }, 0, 200_000);
  expect(capacity.inFlight).toBe(1);
  expect(standingOf([ask(1, 6, done(100_000))], { nodes: 5, at: 100_000 }, 0, 200_000).asks).toEqual([]);
});

test('a node that came and went again is not waited for anew', () => {
  const count = (asks: readonly Ask[], nodes: number) =>
    standingOf(asks, { nodes, at: 100_000 }, WARMUP_MS, 100_000);
  const shown = count([ask(1, 6)], 6);
  expect(shown).toMatchObject({ capacity: { inFlight: 0 }, asks: [] });
  const part = count([ask(1, 6), ask(2, 8)], 7);
  expect(part.asks).toEqual([{ ...ask(2, 8), left: 1 }]);
  expect(count(part.asks, 5).capacity.inFlight).toBe(1);
});

/** Second by second: an infrastructure, its counter, and the rules that scale it by what is decided here. */
interface World {
  lagSeconds: number;
  start: number;
  warmupSeconds: number;
  moments: readonly Moment[];
}
interface Moment {
  direction: Direction;
  nodes: number;
  executesAfterSeconds: number;
  fails: boolean;
  /** Nodes that come or go by themselves. */
  drift: number;
}

const MIN = 1;
const MAX = 8;
const EVERY_SECONDS = 10;

const world: fc.Arbitrary<World> = fc.record({
  // From "at once" to "never".
  lagSeconds: fc.constantFrom(0, 6, 25, 90, Infinity),
  start: fc.integer({ min: MIN, max: MAX }),
  warmupSeconds: fc.constantFrom(0, 30, 120),
  moments: fc.array(
    fc.record({
      direction: fc.constantFrom<Direction[]>('up', 'down'),
      nodes: fc.constantFrom(1, 2, 3),
      executesAfterSeconds: fc.constantFrom(0, 0, 3, 25),
      fails: fc.constantFrom(false, false, false, true),
      drift: fc.constantFrom(0, 0, 0, 0, 1, -1),
    }),
    { minLength: 1, maxLength: 25 },
  ),
});

interface Deed {
  at: number;
  counted: number;
  current: number;
  inFlight: number;
  desired: number;
  delta: number;
  direction: Direction;
  nodes: number;
  /** What is left of earlier asks, each way. */
  open: { up: number; down: number };
}

/** What the rules did there; each execution does by as much as was asked. */
function played({ lagSeconds, start, warmupSeconds, moments }: World): Deed[] {
  const truth: { at: number; nodes: number }[] = [{ at: -Infinity, nodes: start }];
  const nodesAt = (second: number) => truth.findLast(({ at }) => at <= second)!.nodes;
  const move = (at: number, by: number) => truth.push({ at, nodes: Math.max(0, truth.at(-1)!.nodes + by) });
  const pending: { at: number; ask: string; delta: number; fails: boolean }[] = [];
  let asks: readonly Ask[] = [];
  const deeds: Deed[] = [];
  moments.forEach(({ direction, nodes, executesAfterSeconds, fails, drift }, index) => {
    const second = index * EVERY_SECONDS;
    if (drift !== 0) move(second, drift);
    for (const one of pending.splice(0)) {
      if (one.at > second) pending.push(one);
      else {
        if (!one.fails) move(one.at, one.delta);
        const state: AskState = one.fails ? { is: 'void' } : done(one.at * 1000);
        asks = asks.map((ask) => (ask.trigger === one.ask ? { ...ask, state } : ask));
      }
    }
    truth.sort((a, b) => a.at - b.at);
    const counted = lagSeconds === Infinity ? start : nodesAt(second - lagSeconds);
    const standing = standingOf(
      asks,
      { nodes: counted, at: second * 1000 },
      warmupSeconds * 1000,
      second * 1000,
    );
    asks = standing.asks;
    const open = (sign: number) =>
      asks.reduce((sum, { left }) => (Math.sign(left) === sign ? sum + left : sum), 0);
    const trigger = decided(direction, nodes, standing.capacity, second);
    if (trigger === undefined) return;
    const id = String(index);
    deeds.push({ at: second, counted, direction, nodes, open: { up: open(1), down: open(-1) }, ...trigger });
    const { delta, desired } = trigger;
    asks = [...asks, { trigger: id, delta, desired, left: delta, state: UNDER_WAY }];
    pending.push({ at: second + executesAfterSeconds, ask: id, delta, fails });
  });
  return deeds;
}

function decided(
  direction: Direction,
  nodes: number,
  capacity: ReturnType<typeof standingOf>['capacity'],
  second: number,
) {
  const rule = ruleWhen('cpu > 80', {
    scaling: {
      infrastructure: 'web',
      direction,
      minNodes: MIN,
      maxNodes: MAX,
      wisdomMs: 0,
      maxDirectionChanges: 1_000,
      wish: ({ effective }) => effective + (direction === 'up' ? nodes : -nodes),
    },
  });
  const observation = { values: { cpu: 90 }, errors: {}, killSwitch: false, capacity };
  const { trigger } = evaluate(rule, initialState(rule, 0), observation, second * 1000) as Decided;
  return trigger?.nodes;
}

test('nodes are counted once, whenever the counter shows them', () => {
  fc.assert(
    fc.property(world, (given) => {
      for (const deed of played(given)) {
        const { direction, counted, current, inFlight, desired, delta, nodes, open } = deed;
        // No number is named that was not so.
        expect(current).toBe(counted);
        // What is in flight is no more than what is still to come.
        expect(inFlight).toBeGreaterThanOrEqual(open.down);
        expect(inFlight).toBeLessThanOrEqual(open.up);
        expect(desired).toBeGreaterThanOrEqual(MIN);
        expect(desired).toBeLessThanOrEqual(MAX);
        const sign = direction === 'up' ? 1 : -1;
        expect(sign * delta).toBeGreaterThan(0);
        expect(sign * (desired - counted)).toBeGreaterThanOrEqual(0);
        // No more than the policy asks for, but for what the limits themselves ask for.
        const wasOutside = current + inFlight < MIN || current + inFlight > MAX;
        if (!wasOutside) expect(sign * delta).toBeLessThanOrEqual(nodes);
      }
    }),
    { numRuns: 1_000 },
  );
});

test.each([0, 6, 25, 90])(
  'with a counter that shows nodes after %d s, a warm-up that is longer, and nothing else going on, the sum of what is done is what the policy asks',
  (lagSeconds) => {
    fc.assert(
      fc.property(
        fc.constantFrom<Direction[]>('up', 'down'),
        fc.constantFrom(1, 2, 3),
        fc.integer({ min: 1, max: 12 }),
        (direction, nodes, count) => {
          const moment = { direction, nodes, executesAfterSeconds: 0, fails: false, drift: 0 };
          const start = direction === 'up' ? MIN : MAX;
          const deeds = played({
            lagSeconds,
            start,
            warmupSeconds: 120,
            moments: Array.from({ length: count }, () => moment),
          });
          const sign = direction === 'up' ? 1 : -1;
          const asked = Math.min(count * nodes, MAX - MIN);
          expect(deeds.reduce((sum, { delta }) => sum + sign * delta, 0)).toBe(asked);
          expect(deeds.at(-1)!.desired).toBe(start + sign * asked);
        },
      ),
    );
  },
);
