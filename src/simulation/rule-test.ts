import { step } from '../common/check';
import type { FieldError } from '../common/errors';
import type { ServiceRow } from '../database/entities';
import { Any, Decimal, ListOf, Text, Whole } from '../common/fields';
import type { TimelineInterval } from '../engine/simulate';
import { given, play, type SimulatedRule } from './play';
import type { Points } from '../engine/frames';
import { listProblems, StoryParent, StorySilence, surroundingsOf } from './story-silences';
import { MAX_VALUES, NotationError, secondsOf, valuesOf } from './series-notation';

/** One test of a rule: a scenario, and what is expected of it. */
export class RuleTestDto {
  @Text({ description: 'What is claimed', minLength: 1, maxLength: 500 })
  name: string;

  @Text({ description: 'Name of the service', minLength: 1, maxLength: 200 })
  service: string;

  @Any(
    {
      description: 'Metric -> values at even distances: `0 0 75 85x3 _ 95`',
      example: { cpu: '50x5 93x20' },
    },
    { type: 'object', additionalProperties: { type: 'string' } },
  )
  series: object;

  @Decimal({
    description: 'Distance of the values; by default the interval of the service',
    unit: 's',
    optional: true,
    minimum: 0.1,
    maximum: 86_400,
  })
  everySeconds?: number;

  @Whole({ description: 'How many nodes there are at first', optional: true, minimum: 0, maximum: 1_000_000 })
  nodes?: number;

  @Any(
    {
      description:
        'When it triggers, and at no other time: `60`, `5m`, or {at, nodes} with the nodes there are to be then',
      optional: true,
      example: ['1m', { at: '6m', nodes: 4 }],
    },
    { type: 'array' },
    (value) => (Array.isArray(value) ? undefined : 'must be a list of times'),
  )
  triggers?: unknown[];

  @Any(
    {
      description: 'Moment -> phase, reason, or both: `pending`, `at_max_nodes`, `alarm wisdom`',
      optional: true,
      example: { '30s': 'pending holding' },
    },
    { type: 'object', additionalProperties: { type: 'string' } },
  )
  at?: unknown;

  @ListOf(() => StorySilence, { description: 'Silences of the service, in seconds', maxItems: 100 })
  silences: StorySilence[] = [];

  @ListOf(() => StoryParent, {
    description: 'Phases of services on which it depends, in seconds',
    maxItems: 100,
  })
  parents: StoryParent[] = [];

  problems(): FieldError[] {
    const problems: FieldError[] = listProblems({ silences: this.silences, parents: this.parents });
    let left = MAX_VALUES;
    for (const [metric, notation] of Object.entries(this.series)) {
      const values = valuesIn(notation);
      const detail = values.problem ?? (values.count > left ? TOO_MANY : undefined);
      left -= values.count;
      if (detail !== undefined) problems.push({ pointer: `/series${step(metric)}`, detail });
    }
    for (const [index, one] of (this.triggers ?? []).entries()) {
      const detail = 'must be a time like 60 or 5m, or {at: 5m, nodes: 4}';
      if (expectedTrigger(one) === undefined) problems.push({ pointer: `/triggers/${index}`, detail });
    }
    if (this.at !== undefined && (typeof this.at !== 'object' || Array.isArray(this.at))) {
      return [...problems, { pointer: '/at', detail: 'must be an object: time -> phase and reason' }];
    }
    for (const [time, words] of Object.entries(this.at ?? {}) as [string, unknown][]) {
      const pointer = `/at${step(time)}`;
      if (momentOf(time) === undefined)
        problems.push({ pointer, detail: `${time} is no time like 60 or 5m` });
      if (typeof words !== 'string' || words.trim() === '') {
        problems.push({ pointer, detail: 'must be a phase, a reason, or both' });
      }
    }
    if (this.triggers === undefined && this.at === undefined) {
      problems.push({
        pointer: '/triggers',
        detail: 'is required where nothing is expected by `at`; [] says never',
      });
    }
    return problems;
  }
}

const momentOf = (time: string): number | undefined =>
  secondsOf(/^\d+(\.\d+)?$/.test(time) ? Number(time) : time);

const TOO_MANY = `makes more than ${MAX_VALUES} values with those before it`;

function valuesIn(notation: unknown): { count: number; problem?: string } {
  try {
    if (typeof notation !== 'string' && typeof notation !== 'number')
      return { count: 0, problem: 'must be a text of values' };
    const count = valuesOf(String(notation)).length;
    return count === 0 ? { count, problem: 'must have at least one value' } : { count };
  } catch (error) {
    if (error instanceof NotationError) return { count: 0, problem: error.message };
    throw error;
  }
}

interface ExpectedTrigger {
  seconds: number;
  nodes?: number;
}

function expectedTrigger(given: unknown): ExpectedTrigger | undefined {
  const { at, nodes } =
    typeof given === 'object' && given !== null
      ? (given as { at?: unknown; nodes?: unknown })
      : { at: given };
  const seconds = secondsOf(typeof at === 'string' ? (momentOf(at) ?? NaN) : at);
  if (seconds === undefined || (nodes !== undefined && typeof nodes !== 'number')) return undefined;
  return { seconds, nodes };
}

/** Returns the phases of others in which a service does not act. */
export const phasesOf = ({ dependsOn }: Pick<ServiceRow, 'dependsOn'>): Set<string> =>
  new Set(dependsOn.flatMap(({ whenPhase }) => whenPhase));

/** Returns the differences from what was expected, as lines to read; none when the test passes. */
export async function differences(test: RuleTestDto, simulatedRule: SimulatedRule): Promise<string[]> {
  const everySeconds = test.everySeconds ?? simulatedRule.compiled.service.intervalSeconds;
  const points = new Map(
    Object.entries(test.series).map(([metric, notation]): [string, Points] => [
      metric,
      valuesOf(String(notation)).map((value, index) => [index * everySeconds * 1000, value]),
    ]),
  );
  const expected = (test.at ?? {}) as Record<string, string>;
  const moments = Object.entries(expected).map(([time, words]) => ({ seconds: momentOf(time)!, words }));
  const longest = Math.max(
    ...[...points.values()].map((values) => values.at(-1)![0] / 1000),
    ...moments.map(({ seconds }) => seconds),
  );
  const { compiled } = simulatedRule;
  const around = surroundingsOf(test.silences, test.parents, phasesOf(compiled.service));
  const { timeline } = await play({ ...simulatedRule, around }, given(compiled, points, { to: longest }), {});
  const lines = [
    ...(test.triggers === undefined ? [] : triggerDifferences(test.triggers, timeline.triggers)),
    ...moments.flatMap(({ seconds, words }) => momentDifference(seconds, words, timeline.intervals)),
  ];
  return lines.length === 0 ? [] : [...lines, ...timelineOf(timeline.intervals)];
}

function triggerDifferences(
  expected: readonly unknown[],
  actual: readonly { at: number; nodes?: { desired: number } }[],
): string[] {
  const wanted = expected.map((one) => expectedTrigger(one)!);
  const got = actual.map(({ at, nodes }): ExpectedTrigger => ({ seconds: at / 1000, nodes: nodes?.desired }));
  const isMet = ({ seconds, nodes }: ExpectedTrigger, { seconds: at, nodes: desired }: ExpectedTrigger) =>
    seconds === at && (nodes === undefined || nodes === desired);
  const missing = wanted.filter((one) => !got.some((other) => isMet(one, other)));
  const surplus = got.filter((one) => !wanted.some((other) => isMet(other, one)));
  if (missing.length + surplus.length === 0) return [];
  const line =
    (sign: string, word: string) =>
    ({ seconds, nodes }: ExpectedTrigger) =>
      `  ${sign} ${word} at ${seconds} s${nodes === undefined ? '' : ` to ${nodes} nodes`}`;
  return ['triggers:', ...missing.map(line('-', 'expected')), ...surplus.map(line('+', 'came'))];
}

function momentDifference(seconds: number, words: string, timeline: readonly TimelineInterval[]): string[] {
  const interval = timeline.findLast(({ from }) => from <= seconds * 1000);
  const isMet = words
    .trim()
    .split(/[\s/,]+/)
    .every((word) => word === interval?.phase || word === interval?.reason);
  if (isMet) return [];
  const actual = interval === undefined ? 'nothing yet' : `${interval.phase} ${interval.reason}`;
  return [`at ${seconds} s:`, `  - expected ${words}`, `  + came ${actual}`];
}

const MAX_SHOWN = 30;

function timelineOf(timeline: readonly TimelineInterval[]): string[] {
  const shown = timeline
    .slice(0, MAX_SHOWN)
    .map(({ from, phase, reason }) => `  ${`${from / 1000} s`.padStart(8)}  ${phase} ${reason}`);
  const more = timeline.length - shown.length;
  return ['what happened:', ...shown, ...(more > 0 ? [`  and ${more} more`] : [])];
}
