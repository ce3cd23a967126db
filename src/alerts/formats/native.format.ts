import { momentProblem } from '../../api/range-query';
import { check, step } from '../../common/check';
import type { FieldError } from '../../common/errors';
import { Choice, Decimal, fieldsOf, Text, TextMap } from '../../common/fields';
import { isObject } from '../../common/json';
import type { AlertStatus } from '../alert';
import { AlertFormatMapping, NoParams, type AlertFormat, type Parsed } from './alert-format';
import { each, hashedKey, withoutEmpty } from './reading';

/** An alert in monscale's own format. */
export class NativeAlert {
  @Text({
    description: 'Id or name of the service it is for; else it goes to every alert metric whose match fits',
    optional: true,
    maxLength: 200,
  })
  service?: string;

  @Text({
    description: "The service's metric; by default its only alert metric, or its only metric",
    optional: true,
    maxLength: 100,
  })
  metric?: string;

  @Decimal({
    description: 'The number it carries; by default 1 when firing and 0 when resolved',
    optional: true,
  })
  value?: number;

  @Choice(['firing', 'resolved'], { description: 'Does it begin or end' })
  status = 'firing';

  @TextMap({ description: 'Labels that alert metrics match' })
  labels: Record<string, string> = {};

  @TextMap({ description: 'Texts for people' })
  annotations: Record<string, string> = {};

  @Text({
    description:
      'Alerts with the same key are one alert seen again; by default made of service, metric and labels',
    optional: true,
    minLength: 1,
    maxLength: 255,
  })
  dedupKey?: string;

  @Text({
    description:
      'When it began or ended (RFC 3339), by which reports of one alert are ordered; by default when it was received',
    optional: true,
    check: momentProblem,
  })
  at?: string;

  problems(): FieldError[] {
    if (this.service !== undefined) return [];
    if (this.metric !== undefined)
      return [{ pointer: '/service', detail: 'is required where a metric is named' }];
    const endsByKey = this.status === 'resolved' && this.dedupKey !== undefined;
    if (!endsByKey && Object.values(this.labels).every((text) => text === ''))
      return [
        {
          pointer: '/labels',
          detail:
            'must have a label that is not empty, where no service is named: without both it could match nothing',
        },
      ];
    return [];
  }
}

@AlertFormatMapping({
  type: 'native',
  title: 'Native',
  description: "monscale's own format: one alert or an array, POST /api/v1/alerts",
  params: NoParams,
})
export class Native implements AlertFormat {
  parse(body: unknown): Iterable<Parsed> {
    if (!Array.isArray(body)) return [parseOne(body, '')];
    return each(body, (given, index) => parseOne(given, step(index)));
  }

  looksLike(body: unknown): boolean {
    const names = new Set(fieldsOf(NativeAlert).map(({ name }) => name));
    const [first] = Array.isArray(body) ? (body as unknown[]) : [body];
    const given = isObject(first) ? Object.keys(first) : [];
    return given.length > 0 && given.every((name) => names.has(name));
  }
}

function parseOne(given: unknown, pointer: string): Parsed {
  const { value: native, errors } = check(NativeAlert, given);
  if (native === undefined) return { errors, pointer };
  const { service, metric, value, annotations } = native;
  const labels = withoutEmpty(native.labels);
  const at = native.at === undefined ? undefined : new Date(native.at);
  return {
    pointer,
    alert: {
      service,
      metric,
      value,
      labels,
      annotations,
      status: native.status as AlertStatus,
      dedupKey: native.dedupKey ?? hashedKey([service, metric, sorted(labels)]),
      at,
      saidAt: at,
    },
  };
}

const sorted = (labels: Record<string, string>): [string, string][] =>
  Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
