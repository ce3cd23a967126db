import { momentProblem } from '../api/range-query';
import { Choice, Decimal, Nested, Text, TextList, TextMap } from '../common/fields';
import type { FieldError } from '../common/errors';
import { isTimeZone } from './local-time';
import { parseRecurrence } from './recurrence';

const YEAR_SECONDS = 31_536_000;

export class MatchDto {
  @TextList({ description: 'Names or ids of services', optional: true, maxItems: 1_000 })
  services?: string[];

  @TextMap({ description: 'Labels that a service has, all of them with these values', optional: true })
  labels?: Record<string, string>;

  @TextList({
    description: 'Names or ids of infrastructures that a service scales',
    optional: true,
    maxItems: 1_000,
  })
  infrastructures?: string[];
}

export class ScheduleDto {
  @Text({
    description:
      'Recurrence rule (RFC 5545): FREQ from DAILY to YEARLY with INTERVAL, COUNT, UNTIL, WKST, BYDAY, BYMONTHDAY, BYMONTH, BYHOUR, BYMINUTE, BYSECOND, BYSETPOS',
    example: 'FREQ=WEEKLY;BYDAY=SA;BYHOUR=2;BYMINUTE=30',
    maxLength: 1_000,
    check: ruleProblem,
  })
  rrule: string;

  @Text({
    description: 'Zone of the times in rrule',
    example: 'Europe/Madrid',
    maxLength: 100,
    check: (zone) =>
      isTimeZone(zone) ? undefined : `is no time zone: ${JSON.stringify(zone)}; one is Europe/Madrid`,
  })
  timeZone = 'UTC';

  @Decimal({ description: 'How long each window lasts', unit: 's', minimum: 1, maximum: YEAR_SECONDS })
  durationSeconds: number;
}

function ruleProblem(text: string): string | undefined {
  try {
    parseRecurrence(text);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Silence: what it covers, what it mutes, from when to when, and why. */
export class SilenceDto {
  @Nested(() => MatchDto, { description: 'Which services: those that fit all that is given' })
  match: MatchDto;

  @Choice(['actions', 'scale_down', 'notifications'], {
    description:
      'actions: all that acts; scale_down: triggers that scale down alone; notifications: the steps of then, and contacts',
  })
  mutes = 'actions';

  @Text({ description: 'From when on (RFC 3339); by default now', optional: true, check: momentProblem })
  startsAt?: string;

  @Text({
    description: 'Until when (RFC 3339); required, as none is endless',
    optional: true,
    check: momentProblem,
  })
  endsAt?: string;

  @Nested(() => ScheduleDto, {
    description: 'Windows between startsAt and endsAt; without it, all of that time',
    optional: true,
  })
  schedule?: ScheduleDto;

  @Text({ description: 'Why, for whoever wonders', minLength: 1, maxLength: 1_000 })
  reason: string;

  @Decimal({
    description: 'It ends, or its window does, once all its services have been ok for so long',
    unit: 's',
    optional: true,
    minimum: 1,
    maximum: YEAR_SECONDS,
  })
  endWhenOkForSeconds?: number;

  @Choice(['act', 'wait'], {
    description:
      'What a breach that lasts at its end does: act after one whole interval, or wait until there is a fresh one',
  })
  onEnd = 'act';

  problems(): FieldError[] {
    const { services, labels, infrastructures } = this.match;
    const problems: FieldError[] = [];
    const given = { services, labels, infrastructures };
    for (const [name, value] of Object.entries(given))
      if (value !== undefined && Object.keys(value).length === 0)
        problems.push({ pointer: `/match/${name}`, detail: 'must not be empty' });
    if (Object.values(given).every((value) => value === undefined))
      problems.push({ pointer: '/match', detail: 'must have services, labels or infrastructures' });
    if (this.reason.trim() === '') problems.push({ pointer: '/reason', detail: 'must not be empty' });
    if (this.endsAt === undefined)
      problems.push({ pointer: '/endsAt', detail: 'is required: no silence is endless' });
    return problems;
  }
}
