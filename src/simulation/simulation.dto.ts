import { momentProblem } from '../api/range-query';
import { Any, Decimal, ListOf, Whole } from '../common/fields';
import { listProblems, StoryParent, StorySilence } from './story-silences';
import type { FieldError } from '../common/errors';

/** A request to try a rule on a scenario: given numbers, or what was recorded. */
export class SimulationDto {
  @Any(
    { description: 'Id or name of a service, or a whole definition as it would be saved' },
    { oneOf: [{ type: 'string' }, { type: 'object' }] },
  )
  service: unknown;

  @Any(
    {
      description:
        'Metric -> points [seconds, number or null for a failed read]; a point stands until the next one',
      optional: true,
      example: {
        cpu: [
          [0, 50],
          [10, 93],
          [20, null],
        ],
      },
    },
    { type: 'object', additionalProperties: { type: 'array', items: { type: 'array' } } },
  )
  series?: object;

  @Whole({
    description:
      'How many nodes there are at first; by default the minimum when scaling up, the maximum when scaling down',
    optional: true,
    minimum: 0,
    maximum: 1_000_000,
  })
  nodes?: number;

  @Any(
    {
      description: 'From here on: seconds with series, else a time (RFC 3339; by default 7 days before `to`)',
      optional: true,
    },
    { oneOf: [{ type: 'number' }, { type: 'string', format: 'date-time' }] },
  )
  from?: unknown;

  @Any(
    {
      description:
        'Up to here: seconds with series (by default its last point), else a time (by default now)',
      optional: true,
    },
    { oneOf: [{ type: 'number' }, { type: 'string', format: 'date-time' }] },
  )
  to?: unknown;

  @Decimal({
    description: 'How often the rule is evaluated; by default the interval of the service',
    unit: 's',
    optional: true,
    minimum: 0.1,
    maximum: 86_400,
  })
  evaluateEverySeconds?: number;

  @Any(
    {
      description: 'Another service or definition on the same story: the answer tells the difference',
      optional: true,
    },
    { oneOf: [{ type: 'string' }, { type: 'object' }] },
  )
  compareWith?: unknown;

  @ListOf(() => StorySilence, {
    description: 'Silences of the service, in seconds from the beginning',
    maxItems: 100,
  })
  silences: StorySilence[] = [];

  @ListOf(() => StoryParent, {
    description: 'Phases of services on which it depends, in seconds from the beginning',
    maxItems: 100,
  })
  parents: StoryParent[] = [];

  problems(): FieldError[] {
    const problems: FieldError[] = listProblems({ silences: this.silences, parents: this.parents });
    for (const field of ['service', 'compareWith'] as const) {
      const given = this[field];
      const isNamed =
        typeof given === 'string' || (typeof given === 'object' && given !== null && !Array.isArray(given));
      if (given !== undefined && !isNamed) {
        problems.push({ pointer: `/${field}`, detail: 'must be a name, an id or a definition' });
      }
    }
    for (const field of ['from', 'to'] as const) {
      const detail = this[field] === undefined ? undefined : this.timeProblem(this[field]);
      if (detail !== undefined) problems.push({ pointer: `/${field}`, detail });
    }
    return problems;
  }

  private timeProblem(time: unknown): string | undefined {
    if (this.series !== undefined) {
      return typeof time === 'number' && Number.isFinite(time)
        ? undefined
        : 'must be a number of seconds, as in series';
    }
    return typeof time === 'string' ? momentProblem(time) : 'must be a time like 2026-11-22T10:00:00Z';
  }
}
