import { InvalidInput, PayloadTooLarge, type FieldError } from '../../common/errors';
import { isObject, jsonIn, readJson } from '../../common/json';
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
import { isSecretName } from './mask-secrets';
import { hashedKey, labelsOf, momentIn, textIn } from './reading';

type Event = Record<string, unknown>;

const ACTIONS = ['trigger', 'acknowledge', 'resolve'];
const SEVERITIES = ['critical', 'error', 'warning', 'info'];
const MAX_KEY = 255;
/** Largest size of an event, bytes, as at PagerDuty. */
const MAX_EVENT_BYTES = 512 * 1024;
const ACKNOWLEDGED = 'an acknowledgement says that somebody looks at it';

/**
 * PagerDuty's Events API, v2 and v1. The source's token is the routing key, or v1's service key.
 *
 * @see https://developer.pagerduty.com/docs/send-alert-event
 * @see https://developer.pagerduty.com/docs/events-api-v1-overview
 */
@AlertFormatMapping({
  type: 'pagerduty',
  title: 'PagerDuty events',
  description:
    "PagerDuty's Events API, v2 and v1, POST /api/v1/alerts/pagerduty; the source's token is the routing key, or the service key",
  params: NoParams,
})
export class PagerDuty implements AlertFormat {
  parse(body: unknown): Parsed[] {
    if (!isObject(body)) throw new InvalidInput([{ pointer: '', detail: 'must be an object' }]);
    return [isVersion1(body) ? parsedV1(body) : parsedV2(body)];
  }

  looksLike(body: unknown): boolean {
    return (
      isObject(body) &&
      (typeof body.event_action === 'string' ||
        (typeof body.event_type === 'string' && typeof body.service_key === 'string'))
    );
  }

  answer(body: unknown, { accepted }: Taken): Answer {
    const event = body as Event;
    const processed = { status: 'success', message: 'Event processed' };
    const key = accepted[0]?.dedupKey ?? keyOfEvent(event);
    return isVersion1(event)
      ? { status: 200, body: { ...processed, incident_key: key } }
      : { status: 202, body: { ...processed, dedup_key: key } };
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

/** Tells whether an event is of v1, which has `event_type` in place of `event_action`. */
const isVersion1 = (event: Event): boolean =>
  event.event_action === undefined && (event.event_type !== undefined || event.service_key !== undefined);

/** Parses an event of v2. An acknowledgement says that somebody looks at the alert: nothing begins or ends by it. */
function parsedV2(event: Event): Parsed {
  const errors: FieldError[] = [];
  const { event_action: action, payload } = event;
  if (action === undefined)
    errors.push({
      pointer: '/event_action',
      detail: `is required: ${ACTIONS.join(', ')}; in events of Events API v1 it is event_type`,
    });
  else errors.push(...actionErrors('event_action', action));
  const hasKey = hasKeyIn(event, 'dedup_key', action, errors);
  if (action === 'trigger') errors.push(...payloadErrors(payload));
  const at = isObject(payload) ? momentIn(payload.timestamp, '/payload/timestamp', errors) : undefined;
  if (errors.length > 0) return { errors };
  if (action === 'acknowledge') return { untold: ACKNOWLEDGED };
  const { summary, source, severity, component, group, class: kind } = isObject(payload) ? payload : {};
  return {
    alert: {
      ...alertOf(event, action, hasKey),
      labels: labelsOf({ source, severity, component, group, class: kind, summary }),
      at,
      saidAt: at,
    },
  };
}

/** Parses an event of v1. It has no time, and its labels come from what the sender put into `details`. */
function parsedV1(event: Event): Parsed {
  const errors: FieldError[] = [];
  const { event_type: action, description, details } = event;
  errors.push(...actionErrors('event_type', action));
  const hasKey = hasKeyIn(event, 'incident_key', action, errors);
  if (action === 'trigger' && textIn(description) === undefined)
    errors.push({ pointer: '/description', detail: 'must be a text that is not blank' });
  if (errors.length > 0) return { errors };
  if (action === 'acknowledge') return { untold: ACKNOWLEDGED };
  const told = Object.entries(isObject(details) ? details : {}).filter(([name]) => !isSecretName(name));
  return {
    alert: {
      ...alertOf(event, action, hasKey),
      labels: { ...labelsOf(Object.fromEntries(told)), ...labelsOf({ summary: description }) },
    },
  };
}

/** Returns the parts of an alert that events of both versions have. */
const alertOf = (event: Event, action: unknown, hasKey: boolean) => ({
  dedupKey: keyOfEvent(event),
  status: action === 'resolve' ? ('resolved' as const) : ('firing' as const),
  annotations: labelsOf({ client: event.client, client_url: event.client_url }),
  isRepeated: true,
  // Without a key of its own its sender can't resolve it.
  lifeSeconds: hasKey || action === 'resolve' ? undefined : DEFAULT_LIFE_SECONDS,
  raw: keptAlert(event),
});

const actionErrors = (name: string, action: unknown): FieldError[] =>
  ACTIONS.includes(action as string)
    ? []
    : [{ pointer: `/${name}`, detail: `must be one of ${ACTIONS.join(', ')}` }];

/**
 * Tells whether an event has a key of its own.
 *
 * @param errors joined by what is wrong with it
 */
function hasKeyIn(event: Event, name: string, action: unknown, errors: FieldError[]): boolean {
  const given = event[name];
  const isAbsent = given === undefined || given === null || given === '';
  const isKey = typeof given === 'string' && !isAbsent && given.length <= MAX_KEY;
  if (!isAbsent && !isKey)
    errors.push({ pointer: `/${name}`, detail: `must be a text of at most ${MAX_KEY} characters` });
  else if (!isKey && action !== 'trigger' && errors.length === 0)
    errors.push({ pointer: `/${name}`, detail: `is required to ${String(action)}` });
  return isKey;
}

/** Returns the routing key in a body, or v1's service key: the source's token. */
export function routingKeyIn(raw: Buffer): string | undefined {
  if (raw.length > MAX_EVENT_BYTES) return undefined;
  const body = jsonIn(raw);
  return isObject(body) ? (textIn(body.routing_key) ?? textIn(body.service_key)) : undefined;
}

/**
 * Returns the key of an event: its own, or a hash of its content, so that an event sent twice because its answer was
 * lost is one alert.
 */
function keyOfEvent(event: Event): string {
  if (!isVersion1(event)) return textIn(event.dedup_key) ?? hashedKey(event.payload);
  return textIn(event.incident_key) ?? hashedKey([event.description, event.details, event.client]);
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

/**
 * Returns the answer to a change event, which says what somebody did: nothing begins or ends by it.
 *
 * @throws InvalidInput, PayloadTooLarge
 * @see https://developer.pagerduty.com/docs/send-change-event
 */
export function changeAnswer(raw: Buffer): Answer {
  if (raw.length > MAX_EVENT_BYTES)
    throw new PayloadTooLarge(`an event has at most ${MAX_EVENT_BYTES} bytes`);
  const event = readJson(raw);
  const payload = isObject(event) && isObject(event.payload) ? event.payload : {};
  if (textIn(payload.summary) === undefined)
    throw new InvalidInput([{ pointer: '/payload/summary', detail: 'must be a text that is not blank' }]);
  return { status: 202, body: { status: 'success', message: 'Change event processed' } };
}
