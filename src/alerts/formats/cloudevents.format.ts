import { InvalidInput, type FieldError } from '../../common/errors';
import { isObject, jsonIn, readJson, storable } from '../../common/json';
import { DEFAULT_LIFE_SECONDS } from '../alert';
import { AlertFormatMapping, NoParams, type AlertFormat, type Facts, type Parsed } from './alert-format';
import { isSecretName, keptAlert } from './kept-payload';
import { hashedKey, labelsOf, momentIn, textIn } from './reading';

const BATCH = 'application/cloudevents-batch+json';
const STRUCTURED = 'application/cloudevents+json';

/** Attributes that say nothing about what the event is about; what is no attribute of the specification is an extension. */
const NO_LABELS = new Set([
  'specversion',
  'id',
  'time',
  'datacontenttype',
  'dataschema',
  'data',
  'data_base64',
  'expirytime',
]);

/**
 * CloudEvents 1.0 over HTTP: structured, batched or binary. An event is something that happened: each is a new alert,
 * and lives for a while, as nothing says that it is over.
 *
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
 */
@AlertFormatMapping({
  type: 'cloudevents',
  title: 'CloudEvents',
  description: 'CloudEvents 1.0 in structured, batch or binary mode, POST /api/v1/alerts/cloudevents',
  params: NoParams,
})
export class CloudEvents implements AlertFormat {
  /** In binary mode the attributes are headers, and the body is the data, of whatever type. */
  read({ raw, headers }: Facts): unknown {
    if (headers['ce-specversion'] === undefined) return readJson(raw);
    const attributes = Object.entries(headers).flatMap(([name, value]) =>
      name.startsWith('ce-') && typeof value === 'string' ? [[name.slice(3), decoded(value)] as const] : [],
    );
    const datacontenttype = headers['content-type'];
    const data = raw.length === 0 ? undefined : (jsonIn(raw) ?? storable(raw.toString('utf8')));
    return { ...Object.fromEntries(attributes), datacontenttype, data };
  }

  parse(body: unknown, _params?: unknown, facts?: Pick<Facts, 'headers'>): Parsed[] {
    if (Array.isArray(body)) return body.map((event, index) => alertOf(event, `/${index}`));
    if (facts?.headers['content-type']?.startsWith(BATCH))
      throw new InvalidInput([{ pointer: '', detail: 'must be a list of events' }]);
    return [alertOf(body, '')];
  }

  looksLike(body: unknown, { headers }: Pick<Facts, 'headers'>): boolean {
    if (headers['ce-specversion'] !== undefined) return true;
    const type = headers['content-type'] ?? '';
    if (type.startsWith(STRUCTURED) || type.startsWith(BATCH)) return true;
    const [first] = Array.isArray(body) ? (body as unknown[]) : [body];
    return isObject(first) && typeof first.specversion === 'string';
  }
}

function alertOf(event: unknown, pointer: string): Parsed {
  if (!isObject(event)) return { pointer, errors: [{ pointer: '', detail: 'must be an object' }] };
  const errors: FieldError[] = [];
  if (event.specversion !== '1.0') errors.push({ pointer: '/specversion', detail: 'must be "1.0"' });
  for (const name of ['id', 'source', 'type'])
    if (textIn(event[name]) === undefined)
      errors.push({ pointer: `/${name}`, detail: 'must be a text that is not blank' });
  const at = momentIn(event.time, '/time', errors);
  const endsAt = momentIn(event.expirytime, '/expirytime', errors);
  if (errors.length > 0) return { errors, pointer };
  const attributes = Object.entries(event).filter(([name]) => !NO_LABELS.has(name) && !isSecretName(name));
  return {
    alert: {
      // Its identity, by the specification.
      dedupKey: hashedKey([event.source, event.id]),
      status: 'firing',
      labels: {
        ...labelsOf(Object.fromEntries(attributes)),
        ...labelsOf({ type: event.type, source: event.source, subject: event.subject }),
      },
      annotations: {},
      at,
      endsAt,
      lifeSeconds: endsAt === undefined ? DEFAULT_LIFE_SECONDS : undefined,
      raw: keptAlert(event),
    },
  };
}

/** Headers hold what is not printable ASCII percent-encoded (HTTP binding, 3.1.3.2). */
function decoded(value: string): string {
  try {
    return storable(decodeURIComponent(value));
  } catch {
    return storable(value);
  }
}
