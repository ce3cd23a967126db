import { InvalidInput, type FieldError } from '../../common/errors';
import { isObject } from '../../common/json';
import type { IncomingAlert } from '../alert';
import { AlertFormatMapping, NoParams, type AlertFormat, type Facts, type Parsed } from './alert-format';
import { each, keyOf, keyOfLabels, labelsIn, momentIn, textIn, textsIn } from './reading';

/** Time after which an Alertmanager by default resolves an alert that is not sent again, milliseconds. */
const RESOLVE_TIMEOUT_MS = 300_000;

/**
 * Format of Alertmanager's webhook, version 4, and of what Prometheus sends to an Alertmanager (`POST /api/v2/alerts`).
 *
 * @see https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
 * @see https://prometheus.io/docs/alerting/latest/alerts_api/
 */
@AlertFormatMapping({
  type: 'alertmanager',
  title: 'Alertmanager',
  description:
    "Alertmanager's webhook, POST /api/v1/alerts/alertmanager; and POST /api/v2/alerts, for Prometheus to send to as to an Alertmanager",
  params: NoParams,
})
export class Alertmanager implements AlertFormat {
  parse(body: unknown, _params: unknown, { now }: Pick<Facts, 'now'>): Iterable<Parsed> {
    if (Array.isArray(body)) return each(body, (alert, index) => posted(alert, index, now));
    const status = statusOf(body);
    return each(notificationIn(body), (alert, index) => notified(alert, index, now, { status }));
  }

  looksLike(body: unknown): boolean {
    if (!Array.isArray(body)) return isObject(body) && Array.isArray(body.alerts) && !isGrafanas(body);
    return body.some(
      (alert) =>
        isObject(alert) &&
        ['startsAt', 'endsAt', 'generatorURL'].some((name) => typeof alert[name] === 'string'),
    );
  }
}

/** Tells whether a notification is Grafana's, which has the shape of Alertmanager's and these fields. */
export const isGrafanas = (notification: Record<string, unknown>): boolean =>
  notification.version === '1' || 'orgId' in notification;

/**
 * Returns the alerts of a notification.
 *
 * @throws InvalidInput
 */
export function notificationIn(body: unknown): unknown[] {
  if (isObject(body) && Array.isArray(body.alerts)) return body.alerts as unknown[];
  throw new InvalidInput([{ pointer: '/alerts', detail: 'must be a list of alerts' }]);
}

/** Returns the status of a notification: `resolved` when all of its alerts are. */
export const statusOf = (body: unknown): unknown => (isObject(body) ? body.status : undefined);

interface NotifiedBy {
  /** Status of the notification, which counts for alerts that have none of their own. */
  status?: unknown;
  isFromGrafana?: boolean;
}

/** Parses an alert of a notification, which lasts until a notification says that it is resolved. */
export function notified(given: unknown, index: number, now: Date, by: NotifiedBy): Parsed {
  const { isFromGrafana = false } = by;
  const errors: FieldError[] = [];
  const read = fieldsOf(given, errors);
  const { fingerprint } = read.fields;
  const isEnded = isOver(read.endsAt, now) || by.status === 'resolved';
  const status = read.fields.status ?? (isEnded ? 'resolved' : 'firing');
  if (status !== 'firing' && status !== 'resolved')
    errors.push({ pointer: '/status', detail: 'must be firing or resolved' });
  const pointer = `/alerts/${index}`;
  if (errors.length > 0) return { errors, pointer };
  const untold = blindness(read, isFromGrafana);
  if (untold !== undefined) return { untold, pointer };
  const key = textIn(fingerprint);
  return {
    alert: {
      dedupKey: key === undefined ? keyOfLabels(read.labels) : keyOf(key),
      status: status as IncomingAlert['status'],
      labels: read.labels,
      annotations: read.annotations,
      at: read.startsAt,
      saidAt: read.startsAt ?? (status === 'resolved' ? read.endsAt : undefined),
      saysStartAlone: true,
      // While it fires, an Alertmanager sends no end.
      endsAt: status === 'firing' && isOver(read.endsAt, now) ? undefined : read.endsAt,
    },
  };
}

/**
 * Parses an alert that Prometheus posts again and again while it fires, with an end that moves on. Its start changes
 * when Prometheus restarts, or when the other one of a pair sends; that makes no new alert of it.
 */
function posted(given: unknown, index: number, now: Date): Parsed {
  const errors: FieldError[] = [];
  const read = fieldsOf(given, errors);
  const { labels, annotations, startsAt, endsAt } = read;
  if (startsAt !== undefined && endsAt !== undefined && endsAt < startsAt)
    errors.push({ pointer: '/endsAt', detail: 'must not be before startsAt' });
  const pointer = `/${index}`;
  if (errors.length > 0) return { errors, pointer };
  const untold = blindness(read, false);
  if (untold !== undefined) return { untold, pointer };
  const status = isOver(endsAt, now) ? 'resolved' : 'firing';
  return {
    alert: {
      dedupKey: keyOfLabels(labels),
      status,
      labels,
      annotations,
      at: startsAt,
      saidAt: startsAt ?? (status === 'resolved' ? endsAt : undefined),
      saysStartAlone: true,
      isRepeated: true,
      endsAt: endsAt ?? new Date(now.getTime() + RESOLVE_TIMEOUT_MS),
    },
  };
}

/** Reads the fields that alerts of both shapes have. */
function fieldsOf(given: unknown, errors: FieldError[]) {
  const fields = isObject(given) ? given : {};
  if (!isObject(given)) errors.push({ pointer: '', detail: 'must be an object' });
  const labels = labelsIn(fields.labels, '/labels', errors);
  if (errors.length === 0 && Object.keys(labels).length === 0)
    errors.push({ pointer: '/labels', detail: 'must have at least one label' });
  return {
    fields,
    labels,
    annotations: textsIn(fields.annotations, '/annotations', errors),
    startsAt: momentIn(fields.startsAt, '/startsAt', errors),
    endsAt: momentIn(fields.endsAt, '/endsAt', errors),
  };
}

/**
 * Names of the alerts that Grafana sends for a rule without data or with an error; `BLIND_LABELS` say which rule it
 * was.
 */
const BLIND_NAMES = new Set(['DatasourceNoData', 'DatasourceError']);
const BLIND_LABELS = ['rulename', 'datasource_uid', 'ref_id'];
/**
 * Annotation with the reason for a state that does not follow from the rule's condition: `NoData`, `Error`, `NoData,
 * KeepLast`.
 */
const STATE_REASON = 'grafana_state_reason';
const BLIND_REASON = /^(?:NoData|Error)\b/;

/**
 * Returns the reason an alert of Grafana, also one through an Alertmanager, says only that its rule could not be
 * evaluated; undefined for others.
 *
 * @see https://grafana.com/docs/grafana/latest/alerting/fundamentals/alert-rule-evaluation/nodata-and-error-states/
 */
function blindness({ labels, annotations }: Texts, isFromGrafana: boolean): string | undefined {
  const { alertname } = labels;
  if (alertname !== undefined && BLIND_NAMES.has(alertname))
    if (isFromGrafana || BLIND_LABELS.some((name) => labels[name] !== undefined))
      return `${alertname} says that Grafana could not look`;
  const reason = annotations[STATE_REASON] ?? labels[STATE_REASON];
  if (reason === undefined || !BLIND_REASON.test(reason)) return undefined;
  return `${STATE_REASON} ${reason.slice(0, 100)} says that Grafana could not look`;
}

type Texts = Record<'labels' | 'annotations', Record<string, string>>;

const isOver = (endsAt: Date | undefined, now: Date): boolean => endsAt !== undefined && endsAt <= now;
