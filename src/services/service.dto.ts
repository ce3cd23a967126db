import { Choice as ChoiceOf } from '../common/choice';
import { Any, Choice, Decimal, Flag, ListOf, Nested, Text, TextList, TextMap, Whole } from '../common/fields';
import type { FieldError } from '../common/errors';
import { NAME } from '../common/names';
import { MAX_WINDOW_READINGS, WINDOW_FUNCTIONS } from '../engine/window';

const MAX_STEPS = 20;

/** Window of a metric, whose number is made of all readings in it and not of the latest alone. */
export class WindowDto {
  @Choice([...WINDOW_FUNCTIONS], {
    description:
      'What is made of the readings in the window; pNN interpolates, rate is per second and knows counters that begin anew',
  })
  function: string;

  @Decimal({ description: 'How far it goes back from now', unit: 's', minimum: 1, maximum: 604_800 })
  seconds: number;

  @Whole({
    description: 'With fewer readings than this the metric counts as missing',
    optional: true,
    minimum: 1,
    maximum: MAX_WINDOW_READINGS,
  })
  minSamples?: number;
}

/** Description of `missingData`, with what each choice does. */
const MISSING_DATA = [
  'What it means when a metric can not be read and the condition is open without it.',
  'hold: nothing triggers, and the hold time stands still until readings are back; an alarm goes on after that.',
  'reset: the service is unknown, nothing triggers, and hold and alarm are forgotten: they begin anew.',
  'breach: the condition counts as true, so that the service may trigger without having seen anything.',
  'ok: the condition counts as false, and nothing says that the service is blind.',
].join(' ');

/** A metric of a service: where the number of one variable of the condition comes from. */
export class MetricDto extends ChoiceOf {
  @Decimal({ description: 'How long one read may take', unit: 's', minimum: 0.05, maximum: 300 })
  timeoutSeconds = 5;

  @Flag({
    description:
      'Of a metric that is polled: takes numbers that alerts and PUT /trap send for it, too. A metric that alerts feed always does',
  })
  acceptsPushed = false;

  @Nested(() => WindowDto, {
    description: 'The number is made of its readings of the last seconds',
    optional: true,
  })
  window?: WindowDto;
}

/** A step of an escalation, taken while an alarm lasts. */
export class EscalationDto {
  @Decimal({
    description: "After the alarm's first trigger",
    unit: 's',
    minimum: 1,
    maximum: 31_536_000,
  })
  afterSeconds: number;

  @TextList({ description: 'Names or ids of actions, each executed once', maxItems: 50 })
  actions: string[];
}

const PHASES = ['ok', 'pending', 'alarm', 'unknown'];

/** Another service on which one depends, or all that have some labels. */
export class DependencyDto {
  @Text({ description: 'Name or id of the other service', optional: true, minLength: 1, maxLength: 200 })
  service?: string;

  @TextMap({ description: 'Labels that the other services have', optional: true })
  match?: Record<string, string>;

  @TextList({ description: 'Labels whose values both must have alike', maxItems: 20 })
  equal: string[] = [];

  @TextList({
    description: `Phases of the other in which this one does not act: ${PHASES.join(', ')}`,
    maxItems: 4,
  })
  whenPhase: string[] = ['alarm'];

  problems(): FieldError[] {
    const problems: FieldError[] = [];
    if ((this.service === undefined) === (this.match === undefined))
      problems.push({ pointer: '', detail: 'must have either service or match' });
    if (this.match !== undefined && Object.keys(this.match).length === 0)
      problems.push({
        pointer: '/match',
        detail: 'must have at least one label, or it would be every service',
      });
    if (this.whenPhase.length === 0)
      problems.push({ pointer: '/whenPhase', detail: 'must have at least one phase' });
    for (const [index, phase] of this.whenPhase.entries())
      if (!PHASES.includes(phase))
        problems.push({ pointer: `/whenPhase/${index}`, detail: `must be one of ${PHASES.join(', ')}` });
    return problems;
  }
}

/** Expectation of a trigger: what it is to bring about, and by when. */
export class ExpectDto {
  @Text({
    description: 'CEL over the metric names, true when the action has helped',
    minLength: 1,
    maxLength: 4_000,
    example: 'cpu < 70',
  })
  condition: string;

  @Decimal({ description: 'By when, from the trigger on', unit: 's', minimum: 1, maximum: 31_536_000 })
  withinSeconds: number;
}

const DURATION = { unit: 's', minimum: 0, maximum: 31_536_000 };

/** Rules for its name: `GET /services/counts` is no service. */
const NAME_OF_SERVICE = {
  ...NAME,
  check: (name: string) =>
    NAME.check(name) ?? (name === 'counts' ? 'must not be "counts", which is a path of its own' : undefined),
};

/** A service: what is monitored and what is done about it. */
export class ServiceDto {
  @Text({ description: 'Unique name', ...NAME_OF_SERVICE })
  name: string;

  @Text({ description: 'What it is for, for people' })
  description: string = '';

  @TextMap({ description: 'Labels, for filters and templates' })
  labels: Record<string, string> = {};

  @Flag({ description: 'False: it is not evaluated and never triggers' })
  enabled = true;

  @Whole({
    description: 'How many of its executions may begin in an hour; others wait',
    optional: true,
    minimum: 1,
    maximum: 100_000,
  })
  maxActionsPerHour?: number;

  @Whole({ description: 'How often its polled metrics are read', unit: 's', minimum: 1, maximum: 86_400 })
  intervalSeconds = 30;

  @Any(
    {
      description: 'Variable name -> where its number comes from: {type, params, timeoutSeconds}',
      example: { cpu: { type: 'snmp_oid', params: { host: '10.0.0.5', oid: '1.3.6.1.4.1.2021.11.9.0' } } },
    },
    { type: 'object', additionalProperties: { type: 'object' } },
  )
  metrics: object;

  @Text({
    description: 'CEL over the metric names, true in a breach',
    minLength: 1,
    maxLength: 4_000,
    example: 'cpu > 80',
  })
  condition: string;

  @Text({
    description: 'CEL; once in alarm, the alarm lasts until this is true',
    optional: true,
    minLength: 1,
    maxLength: 4_000,
  })
  recovery?: string;

  @Decimal({ description: 'How long the condition must stay true before it triggers', ...DURATION })
  holdSeconds = 0;

  @Decimal({ description: 'After a trigger, no other for this long', ...DURATION })
  wisdomSeconds = 120;

  @Flag({
    description: 'True: triggers again while the condition stays true; false: once until it has recovered',
  })
  repeat = true;

  @Choice(['hold', 'reset', 'breach', 'ok'], { description: MISSING_DATA })
  missingData = 'hold';

  @Text({ description: 'Name or id of the infrastructure it scales', optional: true, maxLength: 200 })
  infrastructure?: string;

  @Choice(['up', 'down'], { description: 'Which way it scales the infrastructure', optional: true })
  direction?: string;

  @Nested(() => ChoiceOf, { description: 'How many nodes a trigger asks for' })
  policy: ChoiceOf = Object.assign(new ChoiceOf(), { type: 'fixed', params: { nodes: 1 } });

  @TextList({ description: 'Names or ids of actions, each executed once per trigger', maxItems: 50 })
  actions: string[] = [];

  @TextList({
    description: 'Names or ids of actions, each executed once when an alarm that triggered has ended',
    maxItems: 50,
  })
  onRecovery: string[] = [];

  @ListOf(() => EscalationDto, {
    description: 'Further steps while the alarm lasts, each taken once, afterSeconds rising',
  })
  then: EscalationDto[] = [];

  @Nested(() => ExpectDto, {
    description: 'Whether a trigger helped is recorded by this; it changes no decision',
    optional: true,
  })
  expect?: ExpectDto;

  @ListOf(() => DependencyDto, {
    description: 'Services during whose alarm this one does not act; one hop',
    maxItems: 20,
  })
  dependsOn: DependencyDto[] = [];

  @Choice(['auto', 'shadow', 'approve'], {
    description: 'shadow: everything but the act; approve: waits for a person',
  })
  mode = 'auto';

  @Decimal({ description: 'How long an approval may be given', unit: 's', minimum: 1, maximum: 2_592_000 })
  approvalTtlSeconds = 900;

  @Flag({ description: 'True: whoever last changed the service, may not approve its executions' })
  approvalByOther = false;

  @TextList({
    description:
      'Names or ids of actions of the types chat, email and webhook: in mode approve each tells people of what waits, with {{ execution.approvalUrl }}',
    maxItems: 5,
  })
  approvalActions: string[] = [];

  problems(): FieldError[] {
    const problems: FieldError[] = [];
    if (this.direction !== undefined && this.infrastructure === undefined) {
      problems.push({ pointer: '/infrastructure', detail: 'is required where a direction is given' });
    }
    for (const field of ['actions', 'onRecovery', 'approvalActions'] as const) {
      if (new Set(this[field]).size < this[field].length) {
        problems.push({ pointer: `/${field}`, detail: 'must not name an action twice' });
      }
    }
    if (this.then.length > MAX_STEPS)
      problems.push({ pointer: '/then', detail: `must have at most ${MAX_STEPS} steps` });
    this.then.forEach(({ afterSeconds, actions }, index) => {
      if (afterSeconds <= (this.then[index - 1]?.afterSeconds ?? 0)) {
        problems.push({
          pointer: `/then/${index}/afterSeconds`,
          detail: 'must be over that of the step before',
        });
      }
      if (actions.length === 0)
        problems.push({ pointer: `/then/${index}/actions`, detail: 'must name at least one action' });
    });
    this.dependsOn.forEach((one, index) => {
      for (const { pointer, detail } of one.problems())
        problems.push({ pointer: `/dependsOn/${index}${pointer}`, detail });
    });
    return problems;
  }
}

/** Returns the names of all actions in a body that is not checked yet. */
export function namedActions({
  actions,
  onRecovery,
  approvalActions,
  then,
}: Record<string, unknown>): unknown[] {
  const steps = Array.isArray(then) ? then : [];
  return [
    actions,
    onRecovery,
    approvalActions,
    ...steps.map((step) => (Object(step) as { actions?: unknown }).actions),
  ].flat();
}

/** Returns the names of the services on which one depends, of a body that is not checked yet. */
export function namedServices({ dependsOn }: Record<string, unknown>): unknown[] {
  const entries = Array.isArray(dependsOn) ? dependsOn : [];
  return entries.map((one) => (Object(one) as { service?: unknown }).service);
}
