import { InvalidInput, type FieldError } from '../../common/errors';
import { isObject } from '../../common/json';
import { numberOf } from '../../common/json-path';
import { AlertFormatMapping, NoParams, type AlertFormat, type Parsed } from './alert-format';
import { keptAlert } from './kept-payload';
import { keyOf, labelsOf } from './reading';

const MAX_TAGS = 100;
const LAST_SECOND = 253_402_300_799;

/**
 * What the media type in `docs/alerts/zabbix-media-type.yaml` sends, problems and recoveries; Zabbix's own media type
 * "Event-Driven Ansible" sends the same fields, but no recoveries.
 *
 * @see https://www.zabbix.com/documentation/current/en/manual/appendix/macros/supported_by_location
 */
@AlertFormatMapping({
  type: 'zabbix',
  title: 'Zabbix',
  description: 'Events by a webhook media type that docs/alerts/zabbix.md has, POST /api/v1/alerts/zabbix',
  params: NoParams,
})
export class Zabbix implements AlertFormat {
  parse(body: unknown): Parsed[] {
    if (!isObject(body)) throw new InvalidInput([{ pointer: '', detail: 'must be an object' }]);
    const errors: FieldError[] = [];
    const eventId = numberOf(body.event_id);
    if (eventId === undefined || !Number.isInteger(eventId))
      errors.push({ pointer: '/event_id', detail: 'must be the id of an event' });
    const eventValue = numberOf(body.event_value);
    if (eventValue !== 0 && eventValue !== 1)
      errors.push({ pointer: '/event_value', detail: 'must be 1 (problem) or 0 (recovery)' });
    if (errors.length > 0) return [{ errors }];
    const seconds = numberOf(body.event_datetime_timestamp);
    return [
      {
        alert: {
          // In a recovery, too, the id of the problem.
          dedupKey: keyOf(String(body.event_id)),
          status: eventValue === 1 ? 'firing' : 'resolved',
          labels: labelsIn(body),
          annotations: labelsOf({
            subject: body.subject,
            operation_data: body.operation_data,
            trigger_description: body.trigger_description,
          }),
          at:
            seconds !== undefined && seconds > 0 && seconds <= LAST_SECOND
              ? new Date(seconds * 1000)
              : undefined,
          isRepeated: true,
          raw: keptAlert(body),
        },
      },
    ];
  }

  looksLike(body: unknown): boolean {
    return isObject(body) && 'event_id' in body && 'event_value' in body;
  }
}

function labelsIn(body: Record<string, unknown>): Record<string, string> {
  return labelsOf({
    host: body.host_host,
    host_ip: body.host_ip,
    host_groups: Array.isArray(body.host_groups)
      ? body.host_groups.slice(0, MAX_TAGS).map(textOf).join(',')
      : undefined,
    event_name: body.event_name,
    severity: body.event_severity,
    trigger_id: body.trigger_id,
    trigger_name: body.trigger_name,
    ...tagsIn(body.event_tags),
  });
}

/** Tags as `{scope: ["performance"]}`, or as Zabbix writes them in JSON: `[{"tag": "scope", "value": "performance"}]`. */
function tagsIn(given: unknown): Record<string, string> {
  const pairs = Array.isArray(given)
    ? given.flatMap((one: unknown): [string, unknown][] =>
        isObject(one) ? [[String(one.tag), one.value]] : [],
      )
    : Object.entries(isObject(given) ? given : {});
  const tags = new Map<string, string[]>();
  for (const [tag, value] of pairs.slice(0, MAX_TAGS)) {
    const values = (Array.isArray(value) ? value : [value]).slice(0, MAX_TAGS).map(textOf);
    tags.set(`tag_${tag}`, [...(tags.get(`tag_${tag}`) ?? []), ...values]);
  }
  return Object.fromEntries([...tags].map(([tag, values]) => [tag, values.join(',')]));
}

const textOf = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : '';
