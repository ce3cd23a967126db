/**
 * A rule, and what it goes through: readings, outages, other rules on its infrastructure, changes of its definition.
 * Everything lies on a grid of half intervals and numbers are few and small, so that edges are met and not only passed.
 */
import fc from 'fast-check';

export type Metric = 'a' | 'b';
export type Direction = 'up' | 'down';

export type Expression =
  | { is: 'compare'; metric: Metric; operator: Operator; than: number }
  | { is: 'and' | 'or'; left: Expression; right: Expression }
  | { is: 'not'; of: Expression };

const OPERATORS = ['>', '>=', '<', '<=', '==', '!='] as const;
export type Operator = (typeof OPERATORS)[number];

export interface RuleOfStory {
  enabled: boolean;
  name: string;
  condition: Expression;
  recovery?: Expression;
  holdSeconds: number;
  wisdomSeconds: number;
  repeat: boolean;
  missingData: 'hold' | 'reset' | 'breach' | 'ok';
  intervalSeconds: number;
  /** False: it is fed by alerts alone. */
  isPolled: boolean;
  mode: 'auto' | 'shadow' | 'approve';
  scaling?: ScalingOfStory;
  /** Seconds from the first trigger to each further step. */
  then?: number[];
  /** It does not act while another service is in alarm. */
  isDependent?: boolean;
}

export interface ScalingOfStory {
  direction: Direction;
  minNodes: number;
  maxNodes: number;
  /** Of the policy `fixed`. */
  nodes: number;
  wisdomSeconds: number;
  maxDirectionChangesPerHour: number;
}

export type Change = { what: string; to: Partial<RuleOfStory> };

/** One evaluation, and what came before it since the last one. */
export interface MomentOfStory {
  /** Seconds from the beginning. */
  at: number;
  values: Record<Metric, number | null>;
  nodesReadable: boolean;
  killSwitch: boolean;
  /** An alert fires anew; for a rule that is fed by alerts. */
  news: boolean;
  /** Triggers of other rules on the infrastructure, in their order. */
  others: { direction: Direction; at: number }[];
  /** The service on which it depends is in alarm. */
  parentInAlarm?: boolean;
  /** Somebody acknowledges the alarm, if there is one, for so many seconds. */
  acknowledgedFor?: number;
  /** Somebody else made the nodes this many. */
  nodesSetTo?: number;
  change?: Change;
}

export interface Story {
  rule: RuleOfStory;
  nodes: number;
  inFlight: number;
  silences: SilenceOfStory[];
  moments: MomentOfStory[];
}

/** Somebody mutes it from one second up to another. */
export interface SilenceOfStory {
  from: number;
  until: number;
  mutes: 'actions' | 'scale_down' | 'notifications';
  onEnd: 'act' | 'wait';
}

/** The rule as it is at each moment. */
export function rulesOf({ rule, moments }: Story): RuleOfStory[] {
  let now = rule;
  return moments.map(({ change }) => (now = { ...now, ...change?.to }));
}

export function written(expression: Expression): string {
  switch (expression.is) {
    case 'compare':
      return `${expression.metric} ${expression.operator} ${expression.than}`;
    case 'not':
      return `!(${written(expression.of)})`;
    case 'and':
    case 'or': {
      const sign = expression.is === 'and' ? '&&' : '||';
      return `(${written(expression.left)}) ${sign} (${written(expression.right)})`;
    }
  }
}

/** Both long and short: the hour of the flap budget is 180 or 3 of the longest gaps that are no gaps. */
const INTERVALS = [10, 600];

/** Mostly with that operator, so that a condition is true, and a recovery false, for longer stretches. */
function expressionArbitrary(usual: Operator): fc.Arbitrary<Expression> {
  const compare: fc.Arbitrary<Expression> = fc.record({
    is: fc.constant('compare' as const),
    metric: fc.constantFrom<Metric[]>('a', 'b'),
    operator: often(3, fc.constant(usual), fc.constantFrom(...OPERATORS)),
    than: fc.constantFrom(1, 2),
  });
  const { expression } = fc.letrec<{ expression: Expression }>((tie) => ({
    expression: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      { weight: 5, arbitrary: compare },
      {
        weight: 3,
        arbitrary: fc.record({
          is: fc.constantFrom('and' as const, 'or' as const),
          left: tie('expression'),
          right: tie('expression'),
        }),
      },
      { weight: 1, arbitrary: fc.record({ is: fc.constant('not' as const), of: tie('expression') }) },
    ),
  }));
  return expression;
}

const conditionArbitrary = expressionArbitrary('>');
const recoveryArbitrary = expressionArbitrary('<');

const scalingArbitrary = (unit: number): fc.Arbitrary<ScalingOfStory> =>
  fc
    .record({
      direction: fc.constantFrom<Direction[]>('up', 'down'),
      minNodes: fc.constantFrom(0, 1, 2),
      room: fc.constantFrom(1, 3, 9),
      nodes: fc.constantFrom(1, 2, 3),
      wisdomSeconds: fc.constantFrom(0, 0, 2, 3, 6).map((units) => units * unit),
      maxDirectionChangesPerHour: fc.constantFrom(9, 0, 1, 2),
    })
    .map(({ room, ...scaling }) => ({ ...scaling, maxNodes: scaling.minNodes + room }));

const ruleArbitrary = (unit: number): fc.Arbitrary<RuleOfStory> =>
  fc
    .record(
      {
        condition: conditionArbitrary,
        recovery: recoveryArbitrary,
        holdSeconds: fc.constantFrom(0, 1, 2, 3, 4, 6, 9).map((units) => units * unit),
        wisdomSeconds: fc.constantFrom(0, 1, 2, 4, 7).map((units) => units * unit),
        repeat: often(3, fc.constant(true), fc.constant(false)),
        missingData: fc.constantFrom<RuleOfStory['missingData'][]>('hold', 'reset', 'breach', 'ok'),
        isPolled: often(3, fc.constant(true), fc.constant(false)),
        mode: often(
          3,
          fc.constant<RuleOfStory['mode']>('auto'),
          fc.constantFrom<RuleOfStory['mode'][]>('shadow', 'approve'),
        ),
        scaling: scalingArbitrary(unit),
        then: fc.constantFrom([2], [1, 4], [6, 9]).map((steps) => steps.map((units) => units * unit)),
        isDependent: fc.boolean(),
      },
      {
        requiredKeys: [
          'condition',
          'holdSeconds',
          'wisdomSeconds',
          'repeat',
          'missingData',
          'isPolled',
          'mode',
        ],
      },
    )
    .map((rule) => ({
      enabled: true,
      name: 'rule',
      intervalSeconds: 2 * unit,
      ...rule,
      // Without polls and wisdom time it triggers once per alert, which is another story.
      wisdomSeconds: rule.isPolled ? rule.wisdomSeconds : Math.max(rule.wisdomSeconds, unit),
    }));

const changeArbitrary = (unit: number): fc.Arbitrary<Change> =>
  fc.oneof(
    conditionArbitrary.map((condition) => ({ what: `condition ${written(condition)}`, to: { condition } })),
    recoveryArbitrary.map((recovery) => ({ what: `recovery ${written(recovery)}`, to: { recovery } })),
    fc.constantFrom(0, 2, 4, 8).map((units) => {
      const holdSeconds = units * unit;
      return { what: `hold ${holdSeconds} s`, to: { holdSeconds } };
    }),
    fc.constant({ what: 'renamed', to: { name: 'renamed' } }),
    fc.constantFrom({ what: 'disabled', to: { enabled: false } }, { what: 'enabled', to: { enabled: true } }),
  );

/** Undefined: as it was before. A condition that stands still now and then has the time to hold. */
const valueArbitrary = often(
  5,
  fc.constant(undefined),
  often(4, fc.constantFrom<(number | null)[]>(3, 3, 2, 1, 0), fc.constant(null)),
);

type DrawnOther = { direction: Direction; unitsBefore: number };

const momentArbitrary = (unit: number) =>
  fc.record(
    {
      // 6 is exactly three intervals, 7 is a gap. 12 and 14 are an hour and more where an interval is 600 s.
      units: often(6, fc.constant(2), fc.constantFrom(1, 3, 6, 7, 8, 12, 14)),
      a: valueArbitrary,
      b: valueArbitrary,
      nodesReadable: often(9, fc.constant(true), fc.constant(false)),
      killSwitch: often(12, fc.constant(false), fc.constant(true)),
      parentInAlarm: often(3, fc.constant(false), fc.constant(true)),
      acknowledgedFor: often(9, fc.constant(0), fc.constantFrom(1, 4, 9)).map((units) => units * unit),
      news: fc.boolean(),
      others: often(
        7,
        fc.constant<DrawnOther[]>([]),
        fc.array<DrawnOther>(
          fc.record({
            direction: fc.constantFrom<Direction[]>('up', 'down'),
            unitsBefore: fc.constantFrom(0, 1),
          }),
          { minLength: 1, maxLength: 2 },
        ),
      ),
      nodesSetTo: fc.constantFrom(0, 1, 3, 5),
      change: changeArbitrary(unit),
    },
    {
      requiredKeys: [
        'units',
        'a',
        'b',
        'nodesReadable',
        'killSwitch',
        'news',
        'others',
        'parentInAlarm',
        'acknowledgedFor',
      ],
    },
  );

type Drawn = ReturnType<typeof momentArbitrary> extends fc.Arbitrary<infer M> ? M : never;

const silenceArbitrary = (unit: number): fc.Arbitrary<SilenceOfStory> =>
  fc
    .record({
      begins: fc.integer({ min: 0, max: 30 }),
      lasts: fc.constantFrom(1, 2, 3, 5, 8, 20),
      mutes: fc.constantFrom<SilenceOfStory['mutes'][]>('actions', 'scale_down', 'notifications'),
      onEnd: fc.constantFrom<SilenceOfStory['onEnd'][]>('act', 'wait'),
    })
    .map(({ begins, lasts, ...silence }) => ({
      from: begins * unit,
      until: (begins + lasts) * unit,
      ...silence,
    }));

const storyOf = (unit: number): fc.Arbitrary<Story> =>
  fc
    .record({
      rule: ruleArbitrary(unit),
      nodes: fc.constantFrom(2, 0, 1, 4),
      inFlight: often(5, fc.constant(0), fc.constantFrom(-1, 1, -3, 3)),
      silences: often(
        2,
        fc.constant<SilenceOfStory[]>([]),
        fc.array(silenceArbitrary(unit), { maxLength: 3 }),
      ),
      drawn: fc.array(
        fc
          .tuple(
            momentArbitrary(unit),
            often(7, fc.constant(true), fc.constant(false)),
            often(12, fc.constant(true), fc.constant(false)),
          )
          .map(([moment, keepsNodes, keepsRule]) => ({
            ...moment,
            nodesSetTo: keepsNodes ? undefined : moment.nodesSetTo,
            change: keepsRule ? undefined : moment.change,
          })),
        { minLength: 1, maxLength: 30, size: 'max' },
      ),
    })
    .map(({ drawn, ...story }) => ({ ...story, moments: placed(drawn, unit, story.rule.isPolled) }));

export const storyArbitrary: fc.Arbitrary<Story> = fc
  .constantFrom(...INTERVALS)
  .chain((interval) => storyOf(interval / 2));

/** The moments at their times, each value what it was before where nothing else was drawn. */
function placed(drawn: Drawn[], unit: number, isPolled: boolean): MomentOfStory[] {
  let before = 0;
  let values: Record<Metric, number | null> = { a: 3, b: 3 };
  return drawn.map(({ units, a, b, news, others, nodesSetTo, change, ...moment }, index) => {
    const at = index === 0 ? 0 : before + units * unit;
    values = { a: a === undefined ? values.a : a, b: b === undefined ? values.b : b };
    // What is fed by alerts has its number always: 0 when no alert lives.
    if (!isPolled) values = { a: values.a ?? 0, b: values.b ?? 0 };
    const placedOthers = others.map(({ direction, unitsBefore }) => ({
      direction,
      at: Math.max(before, at - unitsBefore * unit),
    }));
    before = at;
    return {
      ...moment,
      at,
      values,
      news: !isPolled && news,
      others: placedOthers.sort((one, other) => one.at - other.at),
      ...(nodesSetTo === undefined ? {} : { nodesSetTo }),
      ...(change === undefined ? {} : { change }),
    };
  });
}

/** The first one `weight` times as often as the other; what fails is made simple towards it. */
function often<A, B>(weight: number, usual: fc.Arbitrary<A>, other: fc.Arbitrary<B>): fc.Arbitrary<A | B> {
  return fc.oneof({ withCrossShrink: true }, { weight, arbitrary: usual }, { weight: 1, arbitrary: other });
}
