import { step, within } from '../../common/check';
import { expressionProblem } from '../../common/expressions';
import { Any, Decimal, inside, Text, type Problem } from '../../common/fields';
import { jsonPathProblem } from '../../common/json-path';
import { NAME } from '../../common/names';
import { MetricMapping, type Metric } from '../metric';

const LABELS_AT_MOST = 100;
const YEAR_SECONDS = 31_536_000;
const REGEX_CHARACTERS = 1000;
const SOURCES_AT_MOST = 100;

/** Condition on a label: this text, or a text that the RE2 expression matches. */
export type LabelMatch = string | { regex: string };

const MATCH_SCHEMA = {
  type: 'object',
  maxProperties: LABELS_AT_MOST,
  additionalProperties: {
    anyOf: [
      { type: 'string' },
      {
        type: 'object',
        properties: { regex: { type: 'string', maxLength: REGEX_CHARACTERS } },
        required: ['regex'],
        additionalProperties: false,
      },
    ],
  },
};

export class AlertParams {
  @Any(
    {
      description:
        'Labels an alert must have: label -> text or {"regex": RE2}. Without any, only alerts that name the service count',
      example: { alertname: 'HighLoad', instance: { regex: 'web-.*' } },
    },
    MATCH_SCHEMA,
    matchProblem,
  )
  match: Record<string, LabelMatch> = {};

  @Text({
    description:
      "JSONPath (RFC 9535) of the number, $ being the one alert in its own format; by default the alert's value",
    optional: true,
    minLength: 1,
    check: jsonPathProblem,
    example: '$.values.B',
  })
  value?: string;

  @Any(
    {
      description: 'Name of the source whose alerts it believes, or a list of them; by default of all',
      optional: true,
      example: 'prometheus',
    },
    {
      anyOf: [
        { type: 'string', minLength: 1, maxLength: NAME.maxLength },
        {
          type: 'array',
          items: { type: 'string', minLength: 1, maxLength: NAME.maxLength },
          minItems: 1,
          maxItems: SOURCES_AT_MOST,
        },
      ],
    },
    sourceProblem,
  )
  source?: string | string[];

  @Decimal({
    description: 'How long an alert lives after its last receipt; by default until it is resolved',
    unit: 's',
    minimum: 0.001,
    maximum: 100 * YEAR_SECONDS,
    optional: true,
  })
  ttlSeconds?: number;
}

@MetricMapping({
  type: 'alert',
  title: 'Alert',
  description: 'The value of the newest matching alert that lives; 0 when none does',
  params: AlertParams,
  pushed: true,
})
export class Alert implements Metric<AlertParams> {
  async read(): Promise<number> {
    throw new Error('alert is fed by received alerts and never polled');
  }
}

function sourceProblem(source: unknown): Problem {
  const names: unknown[] = Array.isArray(source) ? source : [source];
  if (names.length === 0 || names.length > SOURCES_AT_MOST)
    return `must be the name of a source, or a list of 1 to ${SOURCES_AT_MOST} of them`;
  const isName = (name: unknown) =>
    typeof name === 'string' && NAME.pattern.test(name) && name.length <= NAME.maxLength;
  const wrong = names.findIndex((name) => !isName(name));
  if (wrong < 0) return undefined;
  return Array.isArray(source)
    ? inside(wrong, 'must be the name of a source')
    : 'must be the name of a source, or a list of names';
}

function matchProblem(match: unknown): Problem {
  if (typeof match !== 'object' || match === null || Array.isArray(match)) {
    return 'must be an object: label -> text or {"regex": "…"}';
  }
  const labels = Object.entries(match);
  if (labels.length > LABELS_AT_MOST) return `must have at most ${LABELS_AT_MOST} labels`;
  for (const [label, wanted] of labels) {
    const problem = label === '' ? 'must have a name' : labelProblem(wanted);
    if (typeof problem === 'object') return within(step(label), problem);
    if (problem) return inside(label, problem);
  }
  return undefined;
}

function labelProblem(wanted: unknown): Problem {
  if (typeof wanted === 'string') return undefined;
  const isRegex =
    typeof wanted === 'object' &&
    wanted !== null &&
    Object.keys(wanted).join() === 'regex' &&
    'regex' in wanted;
  if (!isRegex) return 'must be a text or {"regex": "…"}';
  const problem = typeof wanted.regex === 'string' ? expressionProblem(wanted.regex) : 'must be a text';
  return problem === undefined ? undefined : inside('regex', problem);
}
