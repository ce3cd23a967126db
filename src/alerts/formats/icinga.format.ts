import { InvalidInput, type FieldError } from '../../common/errors';
import { isObject, readJsonInTurns, storable } from '../../common/json';
import { numberOf } from '../../common/json-path';
import {
  AlertFormatMapping,
  NoParams,
  type AlertFormat,
  type Answer,
  type Facts,
  type Parsed,
} from './alert-format';
import { keptAlert } from './kept-payload';
import { keyOf, labelsOf, secondsIn, textIn } from './reading';

/** Parameters of a check result, and those that say what it is of. */
const PARAMETERS = [
  'type',
  'host',
  'service',
  'filter',
  'exit_status',
  'plugin_output',
  'performance_data',
  'check_source',
  'execution_start',
  'execution_end',
  'ttl',
];
const UNKNOWN = 3;
const MAX_TTL_SECONDS = 10 * 365 * 86_400;
const MAX_PERFORMANCE_ENTRIES = 200;

/** Pattern of one condition of a filter: `host.name == "web-1"`. */
const CONDITION = /^\s*(host\.name|service\.name|service\.host_name)\s*==\s*(?:"([^"]*)"|'([^']*)')\s*$/;

/** Pattern of a performance value: `'label with blanks'=12.5ms;warning;critical;minimum;maximum`. */
const PERFORMANCE = /^\s*(?:'((?:[^']|'')+)'|([^=\s']+))=([^;]*)/;
/** Pattern of a number and its unit; excludes units that may be part of the number, as in `0x1F` and `1'000`. */
const QUANTITY = /^([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)(?!x[\da-f])(?: ?\/?[\p{L}%°‰][^\s,']*)?\s*$/iu;

/**
 * Check results in the form of Icinga 2's API: a sender of check results to an Icinga can send them here.
 *
 * @see https://icinga.com/docs/icinga-2/latest/doc/12-icinga2-api/#process-check-result
 */
@AlertFormatMapping({
  type: 'icinga',
  title: 'Icinga check results',
  description:
    "Icinga's POST /v1/actions/process-check-result, there or at /api/v1/alerts/icinga; the source's token is the password, or a bearer token",
  params: NoParams,
})
export class Icinga implements AlertFormat {
  /**
   * Reads the body as JSON, whatever its media type. Any parameter may stand in the query, as Icinga has it; of one that
   * stands there several times the last counts.
   */
  async read({ raw, query }: Facts): Promise<unknown> {
    const given = raw.length === 0 ? {} : await readJsonInTurns(raw);
    if (!isObject(given)) return given;
    const named = PARAMETERS.flatMap((name) => {
      const text = [query[name]].flat().at(-1);
      return typeof text === 'string' ? [[name, storable(text)] as const] : [];
    });
    return { ...given, ...Object.fromEntries(named) };
  }

  /**
   * Parses a check result. `OK` and `UP` resolve. `UNKNOWN` says that the state can't be told: nothing begins or ends
   * by it.
   */
  parse(body: unknown): Parsed[] {
    if (!isObject(body)) throw new InvalidInput([{ pointer: '', detail: 'must be an object' }]);
    const errors: FieldError[] = [];
    const { host, service } = checkable(body, errors);
    const exitStatus = numberOf(body.exit_status);
    const isHost = service === undefined && errors.length === 0;
    const highest = isHost ? 1 : UNKNOWN;
    if (exitStatus === undefined || !Number.isInteger(exitStatus) || exitStatus < 0 || exitStatus > highest)
      errors.push({
        pointer: '/exit_status',
        detail: isHost ? 'must be 0 (UP) or 1 (DOWN)' : 'must be 0 (OK), 1, 2 or 3 (UNKNOWN)',
      });
    const output = body.plugin_output;
    if (typeof output !== 'string') errors.push({ pointer: '/plugin_output', detail: 'must be a text' });
    const ttl = ttlIn(body.ttl, errors);
    const endedAt = secondsIn(body.execution_end, '/execution_end', errors);
    const startedAt = secondsIn(body.execution_start, '/execution_start', errors);
    if (errors.length > 0) return [{ errors }];
    if (exitStatus === UNKNOWN) return [{ untold: 'UNKNOWN says that nobody can tell' }];
    const lookedAt = endedAt ?? startedAt;
    return [
      {
        alert: {
          dedupKey: keyOf(nameOf(host, service)),
          status: exitStatus === 0 ? 'resolved' : 'firing',
          value: exitStatus,
          labels: labelsOf({ host, service, check_source: body.check_source }),
          annotations: labelsOf({ plugin_output: output }),
          at: lookedAt,
          saidAt: lookedAt,
          isRepeated: true,
          lifeSeconds: ttl,
          raw: keptAlert({ ...body, performance: performanceIn(body.performance_data) }),
        },
      },
    ];
  }

  looksLike(body: unknown): boolean {
    return isObject(body) && 'exit_status' in body && 'plugin_output' in body;
  }

  answer(body: unknown): Answer {
    const { host, service } = checkable(body as Record<string, unknown>, []);
    const status = `Successfully processed check result for object '${nameOf(host, service)}'.`;
    return { status: 200, body: { results: [{ code: 200, status }] } };
  }

  refusal(status: number, detail: string, errors: readonly FieldError[]): object {
    const texts = errors.map((error) => `${error.pointer.slice(1)} ${error.detail}`.trim());
    return { error: status, status: texts.length > 0 ? texts.join('; ') : detail };
  }
}

/** Reads the life of a result, seconds; undefined for none, which Icinga also has as 0. */
function ttlIn(given: unknown, errors: FieldError[]): number | undefined {
  if (given === undefined || given === null) return undefined;
  const ttl = numberOf(given);
  if (ttl === 0) return undefined;
  if (ttl !== undefined && ttl > 0 && ttl <= MAX_TTL_SECONDS) return ttl;
  errors.push({ pointer: '/ttl', detail: `must be a number of seconds, at most ${MAX_TTL_SECONDS}` });
  return undefined;
}

const nameOf = (host: string, service: string | undefined): string =>
  service === undefined ? host : `${host}!${service}`;

/** Returns the host or service that a result is for: by name, or by a filter that names it. */
function checkable(
  body: Record<string, unknown>,
  errors: FieldError[],
): { host: string; service: string | undefined } {
  const named = body.filter === undefined ? body : filtered(body.filter, errors);
  let [host, service] = [textIn(named.host), textIn(named.service)];
  // Icinga names a service by `host!service`.
  const parts = service?.split('!');
  if (parts?.length === 2) [host, service] = [host ?? textIn(parts[0]), textIn(parts[1])];
  if (host === undefined && errors.length === 0)
    errors.push({ pointer: '/host', detail: 'is required, or a service "host!service", or a filter' });
  if (body.type === 'Service' && service === undefined && errors.length === 0)
    errors.push({ pointer: '/service', detail: 'is required for type Service' });
  return { host: host ?? '', service: body.type === 'Host' ? undefined : service };
}

/** Reads a filter that names one host or service; other filters are refused, as only an Icinga can evaluate them. */
function filtered(filter: unknown, errors: FieldError[]): { host?: string; service?: string } {
  const found: Record<string, string> = {};
  for (const condition of typeof filter === 'string' ? filter.slice(0, 2_000).split('&&') : ['']) {
    const [, name, double, single] = CONDITION.exec(condition) ?? [];
    if (name === undefined) {
      errors.push({
        pointer: '/filter',
        detail:
          'must be like host.name=="web-1" && service.name=="ping"; other filters are not understood here',
      });
      return {};
    }
    found[name === 'service.name' ? 'service' : 'host'] = double ?? single ?? '';
  }
  return found;
}

/**
 * Splits performance data at blanks. A part without a label belongs to the value before it: `load=1 234` is no clear
 * number.
 */
function entriesIn(text: string): string[] {
  const entries: string[] = [];
  for (const part of text.match(/(?:'(?:[^']|'')+'|[^ \t\r\n])+/g) ?? []) {
    if (PERFORMANCE.test(part) || entries.length === 0) entries.push(part);
    else entries.push(`${entries.pop()} ${part}`);
  }
  return entries;
}

/**
 * Returns performance data by label: numbers, without their units. A value that is no number to Icinga, such as one
 * with a decimal comma, is kept as text.
 *
 * @see https://www.monitoring-plugins.org/doc/guidelines.html#AEN201
 */
function performanceIn(given: unknown): Record<string, number | string> {
  const entries = typeof given === 'string' ? entriesIn(given) : given;
  if (!Array.isArray(entries)) return {};
  return Object.fromEntries(
    entries.slice(0, MAX_PERFORMANCE_ENTRIES).flatMap((entry: unknown) => {
      // As Icinga writes those that it has parsed.
      if (isObject(entry) && typeof entry.label === 'string')
        return [[entry.label, numberOf(entry.value) ?? textIn(entry.value) ?? '']];
      const [, quoted, plain, text] =
        typeof entry === 'string' ? (PERFORMANCE.exec(entry.slice(0, 1_000)) ?? []) : [];
      if (text === undefined) return [];
      return [[quoted?.replaceAll("''", "'") ?? plain!, numberOf(QUANTITY.exec(text)?.[1]) ?? text]];
    }),
  );
}
