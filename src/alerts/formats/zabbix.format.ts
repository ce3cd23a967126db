import { InvalidInput, type FieldError } from '../../common/errors';
import { isObject } from '../../common/json';
import { numberOf } from '../../common/json-path';
import { AlertFormatMapping, NoParams, type AlertFormat, type Parsed } from './alert-format';
import { keptAlert } from './kept-payload';
import { keyOf, labelsOf, secondsIn } from './reading';
import { itemNumber } from './zabbix-value';

const MAX_TAGS = 100;
/** Value of an event whose trigger could not be evaluated. */
const UNKNOWN = 2;
/** {EVENT.SOURCE} of events that say that an item or a trigger can't be evaluated, or can again. */
const INTERNAL = 3;

/**
 * Messages of the media type in `docs/alerts/zabbix-media-type.yaml`, problems and recoveries; Zabbix's own media type
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
    const eventValue = isUnknown(body.event_value) ? UNKNOWN : numberOf(body.event_value);
    if (eventValue !== 0 && eventValue !== 1 && eventValue !== UNKNOWN)
      errors.push({ pointer: '/event_value', detail: 'must be 1 (problem), 0 (recovery) or 2 (unknown)' });
    const at = secondsIn(body.event_datetime_timestamp, '/event_datetime_timestamp', errors);
    if (errors.length > 0) return [{ errors }];
    if (eventValue === UNKNOWN) return [{ untold: 'event_value says that the trigger is unknown' }];
    if (numberOf(body.event_source) === INTERNAL)
      return [{ untold: 'an internal event says what Zabbix can or can not look at' }];
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
          at,
          // A recovery has the time of its problem, and a problem that has recovered never comes back.
          saidAt: at,
          isRepeated: true,
          raw: keptAlert({ ...body, item_value: itemNumber(body.item_value) ?? body.item_value }),
        },
      },
    ];
  }

  looksLike(body: unknown): boolean {
    return isObject(body) && 'event_id' in body && 'event_value' in body;
  }
}

const isUnknown = (value: unknown): boolean => typeof value === 'string' && /^unknown$/i.test(value.trim());

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

/**
 * Reads tags: `{scope: ["performance"]}`, or as Zabbix writes them in JSON: `[{"tag": "scope", "value":
 * "performance"}]`.
 */
function tagsIn(given: unknown): Record<string, string> {
  const pairs = Array.isArray(given)
    ? given
        .slice(0, MAX_TAGS)
        .flatMap((one: unknown): [string, unknown][] => (isObject(one) ? [[String(one.tag), one.value]] : []))
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
