import fc from 'fast-check';
import { Permanent } from './action';
import {
  contradiction,
  stepOf,
  wishOf,
  wishText,
  type Direction,
  type Own,
  type DesiredNodes,
} from './capacity';

const own = (number: number, atLeast = 0, atMost = 100): Own => ({
  name: 'the group',
  number,
  atLeast,
  atMost,
});
const at = (number: number, wish: DesiredNodes, intended?: unknown) => stepOf(wish, own(number), intended);

describe('a wish', () => {
  const wish = (rendered: string | undefined, nodes: unknown, infrastructure?: unknown) =>
    wishOf(rendered, { nodes, infrastructure }, 1_000, 'scaling web');
  const up = { current: 3, desired: 4, delta: 1, direction: 'up' };

  it('of a rule is as many more or less than the target has', () => {
    expect(wish(undefined, up)).toMatchObject({ by: 1, direction: 'up' });
    expect(wish(undefined, { desired: 2, delta: -2, direction: 'down' })).toMatchObject({ by: -2 });
  });

  it.each([
    ['a template gives it', '7', up, 7],
    ['no direction is known', undefined, { desired: 4, delta: 1 }, 4],
    ['a direction is none', undefined, { desired: 4, delta: 1, direction: 'sideways' }, 4],
    ['no difference is known', undefined, { desired: 4, direction: 'up' }, 4],
    ['a difference is no whole number', undefined, { desired: 4, delta: 1.5, direction: 'up' }, 4],
  ])('is a number where %s', (_, rendered, nodes, number) => {
    expect(wish(rendered, nodes)).toMatchObject({ number });
  });

  it('knows the limits of the infrastructure, and takes nonsense for none', () => {
    expect(wish(undefined, up, { minNodes: 1, maxNodes: 9 })).toMatchObject({ minNodes: 1, maxNodes: 9 });
    expect(wish(undefined, up, { minNodes: '1', maxNodes: -9 })).toMatchObject({
      minNodes: undefined,
      maxNodes: undefined,
    });
  });

  it.each([
    ['', up],
    [' ', up],
    ['five', up],
    ['-1', up],
    ['1001', up],
    ['1e2', up],
    [undefined, {}],
    [undefined, undefined],
    [undefined, { desired: null }],
    [undefined, { delta: -1, direction: 'up' }],
    [undefined, { delta: 1, direction: 'down' }],
  ])('%j of %j is none', (rendered, nodes) => {
    expect(() => wish(rendered, nodes)).toThrow(Permanent);
  });

  it('is shown as far as it is known', () => {
    expect([wishText({ by: 2 }), wishText({ by: -2 }), wishText({ number: 5 })]).toEqual([
      'what it is now, + 2',
      'what it is now, - 2',
      5,
    ]);
  });
});

describe('what is set', () => {
  it.each<[string, number, DesiredNodes, number, RegExp]>([
    ['one more than the target has', 5, { by: 1, direction: 'up' }, 6, /^5 -> 6$/],
    ['one less', 5, { by: -1, direction: 'down' }, 4, /^5 -> 4$/],
    ['a number', 5, { number: 7, direction: 'up' }, 7, /^5 -> 7$/],
    ['a number, up or down, where no rule scales', 8, { number: 3 }, 3, /^8 -> 3$/],
    ['no more than the infrastructure takes', 5, { by: 9, direction: 'up', maxNodes: 8 }, 8, /14 was wanted, the infrastructure takes 0 to 8$/],
    ['no less', 5, { by: -9, direction: 'down', minNodes: 2 }, 2, /-4 was wanted, the infrastructure takes any number from 2$/],
    ['no more than the target takes', 95, { by: 9, direction: 'up' }, 100, /104 was wanted, the group takes 0 to 100$/],
    ['no less than is asked for, below the upper limit', 9, { by: -1, direction: 'down', maxNodes: 5 }, 8, /^9 -> 8$/],
  ])('%s', (_, number, wish, to, detail) => {
    expect(at(number, wish)).toEqual({ to, detail: expect.stringMatching(detail), isHeld: false });
  }); // prettier-ignore

  it.each<[string, number, DesiredNodes, RegExp]>([
    ['would lower it, by a rule that scales up', 8, { number: 3, direction: 'up' }, /^it is at 8 already; asked for 3 by a rule that scales up: nothing was lowered$/],
    ['would raise it, by a rule that scales down', 2, { number: 5, direction: 'down' }, /^it is at 2 already; asked for 5 .* nothing was raised$/],
    ['is beyond a limit that is reached', 8, { by: 1, direction: 'up', maxNodes: 8 }, /^it is at 8 already; asked for 9 .*nothing was raised; the infrastructure takes 0 to 8$/],
    ['is beyond a limit that is passed', 9, { by: 1, direction: 'up', maxNodes: 8 }, /^it is at 9 already; asked for 10 .*nothing was raised/],
    ['is below a limit', 1, { by: -1, direction: 'down', minNodes: 1 }, /^it is at 1 already; asked for 0 .*nothing was lowered/],
  ])('is nothing where what is asked for %s', (_, number, wish, detail) => {
    expect(at(number, wish)).toEqual({ to: number, detail: expect.stringMatching(detail), isHeld: true });
  }); // prettier-ignore

  it('is the same number again when nobody can tell whether it was set', () => {
    const wish: DesiredNodes = { by: 1, direction: 'up' };
    expect(at(6, wish, { number: 6 })).toMatchObject({ to: 6, isHeld: false });
    expect(at(5, wish, { number: 6 })).toMatchObject({ to: 6 });
    expect(at(9, wish, { number: 6 })).toMatchObject({ to: 9, isHeld: true });
    expect(at(5, wish, { number: 'six' })).toMatchObject({ to: 6 });
  });

  it('is decided anew when the wish was: what was meant before was another one', () => {
    const wish: DesiredNodes = { by: 1, direction: 'up', decided: '6 -> 7' };
    expect(at(6, wish, { number: 6, decided: '5 -> 6' })).toMatchObject({ to: 7, isHeld: false });
    expect(at(6, wish, { number: 7, decided: '6 -> 7' })).toMatchObject({ to: 7 });
    expect(at(7, wish, { number: 7, decided: '6 -> 7' })).toMatchObject({ to: 7, isHeld: false });
  });
});

describe('whatever is there and whatever is asked for', () => {
  const count = fc.nat({ max: 30 });
  const limits = fc.record({
    minNodes: fc.option(count, { nil: undefined }),
    maxNodes: fc.option(count, { nil: undefined }),
  });
  const bounds = fc.tuple(count, count, count).map((three) => three.sort((a, b) => a - b));
  const asked = fc.oneof(fc.record({ number: count }), fc.record({ by: fc.integer({ min: -30, max: 30 }) }));
  const intended = fc.option(fc.record({ number: count }), { nil: undefined });

  it.each<Direction>(['up', 'down'])(
    '%s goes that way, no further than asked, and beyond no limit',
    (direction) => {
      fc.assert(
        fc.property(asked, limits, bounds, intended, (wanted, given, [atLeast, number, atMost], before) => {
          const wish: DesiredNodes = { ...wanted, ...given, direction };
          const { to } = stepOf(
            wish,
            { name: 'it', number: number, atLeast: atLeast, atMost: atMost },
            before,
          );
          const sign = direction === 'up' ? 1 : -1;
          const goal = before?.number ?? ('number' in wanted ? wanted.number : number + wanted.by);
          expect(sign * (to - number)).toBeGreaterThanOrEqual(0);
          expect(sign * (to - number)).toBeLessThanOrEqual(Math.max(0, sign * (goal - number)));
          if (to === number) return;
          expect(
            direction === 'up'
              ? to <= Math.min(atMost, given.maxNodes ?? 99)
              : to >= Math.max(atLeast, given.minNodes ?? 0),
          ).toBe(true);
        }),
      );
    },
  );
});

describe('a rule and an action', () => {
  it.each([
    ['up', 'removes', true],
    ['down', 'adds', true],
    ['up', 'adds', false],
    ['down', 'removes', false],
    ['up', 'sets', false],
    ['down', 'none', false],
    [undefined, 'removes', false],
  ] as const)('that scales %s asks one that %s nodes: refused is %s', (direction, capacity, isRefused) => {
    const problem = contradiction({ title: 'Machines', capacity }, { nodes: { direction } });
    expect(problem !== undefined).toBe(isRefused);
  });
});
