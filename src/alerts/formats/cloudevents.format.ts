import { collect } from '../../common/check';
import { InvalidInput, type FieldError } from '../../common/errors';
import { isObject } from '../../common/json';
import { put } from '../../common/records';
import { DEFAULT_LIFE_SECONDS } from '../alert';
import { AlertFormatMapping, NoParams, type AlertFormat, type Facts, type Parsed } from './alert-format';
import { eventsIn, saysBatch, saysCloudEvents, withPlainData } from './cloudevents-binding';
import { keptAlert } from './kept-payload';
import { isSecretName } from './mask-secrets';
import { each, hashedKey, MAX_ENTRIES, labelsOf, momentIn, textIn } from './reading';

/**
 * Attributes that don't describe the subject of the event; those that the specification does not know are extensions.
 */
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
 * CloudEvents 1.0 over HTTP: structured, batched or binary. An event is something that happened: each is a new alert
 * with a limited life, as no end is ever sent.
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
  read(facts: Facts): Promise<unknown> {
    return eventsIn(facts);
  }

  parse(body: unknown, _params?: unknown, facts?: Pick<Facts, 'headers'>): Iterable<Parsed> {
    if (Array.isArray(body)) return each(body, (event, index) => alertOf(event, `/${index}`));
    if (facts !== undefined && saysBatch(facts))
      throw new InvalidInput([{ pointer: '', detail: 'must be a list of events' }]);
    return [alertOf(body, '')];
  }

  looksLike(body: unknown, facts: Pick<Facts, 'headers'>): boolean {
    if (saysCloudEvents(facts)) return true;
    const [first] = Array.isArray(body) ? (body as unknown[]) : [body];
    return isObject(first) && typeof first.specversion === 'string';
  }
}

function alertOf(given: unknown, pointer: string): Parsed {
  if (!isObject(given)) return { pointer, errors: [{ pointer: '', detail: 'must be an object' }] };
  const errors: FieldError[] = [];
  const event = collect(errors, () => withPlainData(given)) ?? given;
  if (event.specversion !== '1.0') errors.push({ pointer: '/specversion', detail: 'must be "1.0"' });
  for (const name of ['id', 'source', 'type'])
    if (textIn(event[name]) === undefined)
      errors.push({ pointer: `/${name}`, detail: 'must be a text that is not blank' });
  const at = momentIn(event.time, '/time', errors);
  const endsAt = momentIn(event.expirytime, '/expirytime', errors);
  if (errors.length > 0) return { errors, pointer };
  return {
    alert: {
      // Its identity, by the specification.
      dedupKey: hashedKey([event.source, event.id]),
      status: 'firing',
      labels: {
        ...labelsOf(attributesOf(event)),
        ...labelsOf({ type: event.type, source: event.source, subject: event.subject }),
      },
      annotations: {},
      at,
      saidAt: at,
      endsAt,
      lifeSeconds: endsAt === undefined ? DEFAULT_LIFE_SECONDS : undefined,
      raw: keptAlert(event),
    },
  };
}

/** Returns the attributes that may become labels, at most `MAX_ENTRIES`: an event may have hundreds of thousands. */
function attributesOf(event: Record<string, unknown>): Record<string, unknown> {
  const attributes: Record<string, unknown> = {};
  let count = 0;
  for (const name of Object.keys(event)) {
    if (NO_LABELS.has(name) || isSecretName(name)) continue;
    put(attributes, name, event[name]);
    if (++count === MAX_ENTRIES) break;
  }
  return attributes;
}
