import { InvalidInput, type FieldError } from '../../common/errors';
import { isObject, jsonIn } from '../../common/json';
import { DEFAULT_LIFE_SECONDS } from '../alert';
import {
  AlertFormatMapping,
  NoParams,
  type AlertFormat,
  type Answer,
  type Parsed,
  type Taken,
} from './alert-format';
import { keptAlert } from './kept-payload';
import { hashedKey, labelsOf, momentIn, textIn } from './reading';

const ACTIONS = ['trigger', 'acknowledge', 'resolve'];
const SEVERITIES = ['critical', 'error', 'warning', 'info'];
const MAX_KEY = 255;
/** PagerDuty takes no larger event. */
const MAX_EVENT_BYTES = 512 * 1024;

/**
 * PagerDuty's Events API v2. The source's token is the routing key.
 *
 * @see https://developer.pagerduty.com/docs/send-alert-event
 */
@AlertFormatMapping({
  type: 'pagerduty',
  title: 'PagerDuty events',
  description:
    "PagerDuty's Events API v2, POST /api/v1/alerts/pagerduty; the source's token is the routing key",
  params: NoParams,
})
export class PagerDuty implements AlertFormat {
  /** An acknowledgement says that somebody looks at it: nothing begins or ends by that. */
  parse(body: unknown): Parsed[] {
    const errors: FieldError[] = [];
    if (!isObject(body)) throw new InvalidInput([{ pointer: '', detail: 'must be an object' }]);
    const { event_action: action, dedup_key: given } = body;
    if (!ACTIONS.includes(action as string))
      errors.push({ pointer: '/event_action', detail: `must be one of ${ACTIONS.join(', ')}` });
    const isKey = typeof given === 'string' && given !== '' && given.length <= MAX_KEY;
    if (given !== undefined && given !== null && given !== '' && !isKey)
      errors.push({ pointer: '/dedup_key', detail: `must be a text of at most ${MAX_KEY} characters` });
    const { payload } = body;
    if (action === 'trigger') errors.push(...payloadErrors(payload));
    else if (errors.length === 0 && !isKey)
      errors.push({ pointer: '/dedup_key', detail: `is required to ${String(action)}` });
    const at = isObject(payload) ? momentIn(payload.timestamp, '/payload/timestamp', errors) : undefined;
    if (errors.length > 0) return [{ errors }];
    if (action === 'acknowledge') return [];
    const { summary, source, severity, component, group, class: kind } = isObject(payload) ? payload : {};
    return [
      {
        alert: {
          dedupKey: keyOfEvent(body),
          status: action === 'resolve' ? 'resolved' : 'firing',
          labels: labelsOf({ source, severity, component, group, class: kind, summary }),
          annotations: labelsOf({ client: body.client, client_url: body.client_url }),
          at,
          isRepeated: true,
          // Without a key of its own its sender can't resolve it.
          lifeSeconds: isKey || action === 'resolve' ? undefined : DEFAULT_LIFE_SECONDS,
          raw: keptAlert(body),
        },
      },
    ];
  }

  looksLike(body: unknown): boolean {
    return isObject(body) && typeof body.event_action === 'string';
  }

  answer(body: unknown, { accepted }: Taken): Answer {
    const dedup_key = accepted[0]?.dedupKey ?? keyOfEvent(body as Record<string, unknown>);
    return { status: 202, body: { status: 'success', message: 'Event processed', dedup_key } };
  }

  refusal(status: number, detail: string, errors: readonly FieldError[]): object {
    const texts = errors.map((error) =>
      `${error.pointer.slice(1).replaceAll('/', '.')} ${error.detail}`.trim(),
    );
    return {
      status: status === 400 ? 'invalid event' : 'error',
      message: status === 400 ? 'Event object is invalid' : detail,
      errors: texts.length > 0 ? texts : [detail],
    };
  }
}

/** The routing key in a body: the source's token. */
export function routingKeyIn(raw: Buffer): string | undefined {
  if (raw.length > MAX_EVENT_BYTES) return undefined;
  const body = jsonIn(raw);
  return isObject(body) ? textIn(body.routing_key) : undefined;
}

/** Its own, or one made of what it says: an event that is sent twice, as its answer was lost, is one alert. */
function keyOfEvent({ dedup_key: given, payload }: Record<string, unknown>): string {
  return textIn(given) ?? hashedKey(payload);
}

function payloadErrors(payload: unknown): FieldError[] {
  if (!isObject(payload)) return [{ pointer: '/payload', detail: 'is required to trigger' }];
  const missing = ['summary', 'source'].filter((name) => textIn(payload[name]) === undefined);
  return [
    ...missing.map((name) => ({ pointer: `/payload/${name}`, detail: 'must be a text that is not blank' })),
    ...(SEVERITIES.includes(payload.severity as string)
      ? []
      : [{ pointer: '/payload/severity', detail: `must be one of ${SEVERITIES.join(', ')}` }]),
  ];
}
