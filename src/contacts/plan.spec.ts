import fc from 'fast-check';
import { HOLDS, planFor, sentAfter, type DueNotice, type Hold } from './plan';

const NOON = Date.UTC(2026, 10, 30, 12);
const HOUR = 3_600;

const notice = (id: string, more: Partial<DueNotice> = {}): DueNotice => ({
  id,
  isTold: false,
  isOver: false,
  isUnasked: false,
  waitsFor: null,
  ...more,
});
const held = (by: Hold['by']): Hold => ({ by, why: by });

/** What happens at which second: `[second, ids that begin, ids that are over]`. */
type Step = readonly [second: number, begins: string[], ends?: string[]];

/** Plays a story; returns what was said: `[second, told, over, left out since the last message]`. */
function story(steps: readonly Step[], { group = 60, perHour = 20 } = {}, hold: (id: string, second: number) => Hold | undefined = () => undefined) {
  const said: unknown[] = [];
  const notices = new Map<string, DueNotice>();
  let sentAt: number[] = [];
  let leftOut = 0;
  for (const [second, begins, ends = []] of steps) {
    const now = NOON + second * 1000;
    for (const id of begins) notices.set(id, notice(id));
    for (const id of ends) if (notices.has(id)) notices.set(id, { ...notices.get(id)!, isOver: true });
    const due = [...notices.values()].filter(({ isTold, isOver }) => !isTold || isOver).map((one) => ({ ...one, hold: hold(one.id, second) }));
    const plan = planFor(due, { groupMs: group * 1000, maxPerHour: perHour, sentAt }, now);
    for (const { notice: one, counts } of plan.leaves) {
      notices.delete(one.id);
      if (counts) leftOut++;
    }
    for (const { notice: one, hold: { by } } of plan.waits) notices.set(one.id, { ...one, waitsFor: by });
    for (const one of plan.tells) notices.set(one.id, { ...one, isTold: true, waitsFor: null });
    for (const one of plan.over) notices.delete(one.id);
    const isSent = plan.tells.length + plan.over.length > 0;
    if (isSent) {
      said.push([second, plan.tells.map(({ id }) => id).join(''), plan.over.map(({ id }) => id).join(''), leftOut]);
      leftOut = 0;
    }
    sentAt = sentAfter(sentAt, now, isSent);
  }
  return said;
} // prettier-ignore

test('the first is told at once, what follows in one message when its time has come', () => {
  expect(
    story([[0, ['a']], [2, ['b']], [30, ['c']], [58, []], [60, []], [62, ['d']], [120, []]]),
  ).toEqual([[0, 'a', '', 0], [60, 'bc', '', 0], [120, 'd', '', 0]]); // prettier-ignore
});

test('many at once are one message', () => {
  expect(story([[0, ['a', 'b', 'c']]])).toEqual([[0, 'abc', '', 0]]);
});

test('what is over is told, in the same message as what is new', () => {
  expect(story([[0, ['a']], [10, [], ['a']], [20, ['b']], [60, []]])).toEqual([[0, 'a', '', 0], [60, 'b', 'a', 0]]); // prettier-ignore
});

test('what came and went before the next message is left out of it, and counted there', () => {
  expect(story([[0, ['a']], [10, ['b']], [20, [], ['b']], [30, ['c']], [60, []]])).toEqual([[0, 'a', '', 0], [60, 'c', '', 1]]); // prettier-ignore
});

test('never more than so many in an hour; what is left is told when there is room, what went is counted', () => {
  expect(
    story(
      [[0, ['a']], [60, ['b']], [120, ['c']], [130, ['d']], [200, [], ['d']], [3_598, []], [3_600, []], [3_660, ['e']]],
      { perHour: 2 },
    ),
  ).toEqual([[0, 'a', '', 0], [60, 'b', '', 0], [3_600, 'c', '', 1], [3_660, 'e', '', 0]]); // prettier-ignore
});

test('without a group each round is a message of its own', () => {
  expect(story([[0, ['a']], [2, ['b']], [4, ['c']]], { group: 0 })).toEqual([[0, 'a', '', 0], [2, 'b', '', 0], [4, 'c', '', 0]]); // prettier-ignore
});

test('a group of a day holds for a day, whatever an hour allows', () => {
  expect(story([[0, ['a']], [2 * HOUR, ['b']], [23 * HOUR, []], [24 * HOUR, []]], { group: 86_400 })).toEqual([[0, 'a', '', 0], [24 * HOUR, 'b', '', 0]]); // prettier-ignore
});

test.each(['schedule', 'silence', 'acknowledged', 'kill_switch', 'action'] as const)(
  'what %s keeps is told when it ends and still is so; what went meanwhile is not, nor counted',
  (by) => {
    const hold = (_: string, second: number) => (second < 100 ? held(by) : undefined);
    expect(
      story(
        [
          [0, ['a', 'b']],
          [50, [], ['b']],
          [100, []],
        ],
        {},
        hold,
      ),
    ).toEqual([[100, 'a', '', 0]]);
  },
);

test('the end of what was told before it was muted is told when the mute is over', () => {
  const hold = (_: string, second: number) => (second >= 100 && second < 500 ? held('silence') : undefined);
  expect(story([[0, ['a']], [200, [], ['a']], [400, []], [500, []]], {}, hold)).toEqual([[0, 'a', '', 0], [500, '', 'a', 0]]); // prettier-ignore
});

test('what is muted holds up nothing else', () => {
  const hold = (id: string) => (id === 'a' ? held('silence') : undefined);
  expect(story([[0, ['a', 'b']]], {}, hold)).toEqual([[0, 'b', '', 0]]);
});

test('what the contact asks for no more is left, told or not', () => {
  const due = [
    notice('a', { isUnasked: true }),
    notice('b', { isUnasked: true, isTold: true, isOver: true }),
  ];
  const { leaves, tells, over } = planFor(due, { groupMs: 0, maxPerHour: 1, sentAt: [] }, NOON);
  expect(leaves.map(({ notice: { id }, counts }) => [id, counts])).toEqual([['a', false], ['b', false]]); // prettier-ignore
  expect([...tells, ...over]).toEqual([]);
});

test('each reason to wait has a sentence', () => {
  for (const waitsFor of HOLDS) {
    const { leaves } = planFor([notice('a', { isOver: true, waitsFor })], { groupMs: 0, maxPerHour: 1, sentAt: [] }, NOON); // prettier-ignore
    expect(leaves[0]!.why).toMatch(/^it was over before it could be told: \w.+/);
  }
});

test('a clock that is set back costs a group or an hour at most, and lets no more through', () => {
  const before = sentAfter([], NOON + 10 * HOUR * 1000, true);
  const kept = sentAfter(before, NOON, false);
  expect(kept).toEqual([NOON]);
  const at = (second: number, maxPerHour: number) =>
    planFor([notice('a')], { groupMs: 60_000, maxPerHour, sentAt: kept }, NOON + second * 1000).tells.length;
  expect([at(59, 9), at(60, 9), at(60, 1), at(HOUR, 1)]).toEqual([0, 1, 0, 1]);
});

test('whatever happens, no hour has more messages than it may, no two are nearer than the group, and each thing is told once', () => {
  const happening = fc.record({
    after: fc.integer({ min: 0, max: 900 }),
    begins: fc.integer({ min: 0, max: 3 }),
    ends: fc.boolean(),
    isHeld: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.array(happening, { maxLength: 60 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 0, max: 1_200 }),
      (happenings, perHour, group) => {
        let [second, next] = [0, 0];
        const holds = new Map<number, boolean>();
        const steps = happenings.map(({ after, begins, ends, isHeld }): Step => {
          second += after + 1;
          holds.set(second, isHeld);
          const ids = Array.from({ length: begins }, () => `<${next++}>`);
          return [second, ids, ends && next > 1 ? [`<${next - 2}>`] : []];
        });
        const said = story(steps, { group, perHour }, (_, at) => (holds.get(at) ? held('silence') : undefined)) as [number, string, string][]; // prettier-ignore
        const moments = said.map(([at]) => at);
        for (const [index, at] of moments.entries()) {
          if (index > 0) expect(at - moments[index - 1]!).toBeGreaterThanOrEqual(group);
          expect(moments.filter((other) => other > at - HOUR && other <= at).length).toBeLessThanOrEqual(
            perHour,
          );
        }
        const told = said.flatMap(([, ids]) => ids.match(/<\d+>/g) ?? []);
        const over = said.flatMap(([, , ids]) => ids.match(/<\d+>/g) ?? []);
        expect(new Set(told).size).toBe(told.length);
        expect(new Set(over).size).toBe(over.length);
        expect(over.filter((id) => !told.includes(id))).toEqual([]);
      },
    ),
  );
});
