/** REST API of ManageIQ and of CloudForms after 3.0. Source: ManageIQ/manageiq-api, `app/controllers/api`. */
import { parseInTurns } from '../../common/json-in-turns';
import { Turns } from '../../common/turns';
import type { HttpAnswer } from '../http/http-call';
import { Permanent, Retryable } from '../outcomes';
import { exchange, nonsense, refusalOf, told, type Exchange, type Purpose, type Target } from './target';

export type Json = Record<string, unknown>;

const PAGE = 100;
/** Most resources on a page: some versions give all, whatever is asked for. */
const LARGEST_PAGE = 10_000;
const PAGES_AT_MOST = 100;

/**
 * Calls the API.
 *
 * @param body without one it is a GET
 * @throws Retryable, Permanent, Ambiguous; Gone with 404
 */
export async function restCall(
  target: Target,
  path: string,
  body: object | undefined,
  purpose: Purpose,
  signal: AbortSignal,
): Promise<Json> {
  const request = restRequest(path, body);
  const what = `${request.method} ${path.split('?')[0]} at ${target.host}`;
  const asked: Exchange = { ...request, body: body && JSON.stringify(body), purpose, what };
  const answer = await exchange(target, asked, signal);
  const json = await parsed(answer.body);
  if (answer.status < 200 || answer.status >= 300) throw statusOf(answer, json, asked, target);
  if (json === undefined) throw nonsense(asked);
  // An error may come with a success's status: it has no status to go by but the kind it tells.
  if (errorIn(json) !== undefined)
    throw statusOf({ ...answer, status: STATUSES[kindIn(json)] ?? 500 }, json, asked, target);
  return json;
}

/**
 * Statuses by kind of error (manageiq-api, `app/controllers/api/base_controller/renderer.rb` and `api_controller.rb`).
 */
const STATUSES: Readonly<Record<string, number>> = {
  bad_request: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  internal_server_error: 500,
};

const errorIn = (json: Json | undefined): Json | undefined =>
  typeof json?.error === 'object' && json.error !== null ? (json.error as Json) : undefined;

const kindIn = (json: Json): string => wordOf(errorIn(json) ?? {}, 'kind');

/**
 * Refuses the result of an action that failed, which comes with status 200: `{"success": false, "message": "…"}`.
 *
 * @param deed what was asked, as the begin of a sentence
 * @throws Permanent
 */
export function expectSuccess(result: Json, deed: string, target: Target): void {
  if (result.success !== false) return;
  throw new Permanent(
    `${deed} was refused: ${told(wordOf(result, 'message'), target) || 'it does not say why'}`,
  );
}

export function restRequest(path: string, body: object | undefined) {
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (body) headers['Content-Type'] = 'application/json';
  return { method: body ? 'POST' : 'GET', path, headers, body };
}

/**
 * Reads the resources of a collection, page by page. CloudForms may give smaller pages than it is asked for, so only an
 * empty one, or one that brings nothing new, is the last.
 *
 * @param query begins with the path and holds a `?`
 * @throws as `restCall`; Permanent when there are more pages than are read: a part is never taken for all
 */
export async function* resourcesOf(target: Target, query: string, signal: AbortSignal): AsyncGenerator<Json> {
  const seen = new Set<string>();
  const turns = new Turns();
  for (let page = 1; page <= PAGES_AT_MOST; page++) {
    const path = `${query}&expand=resources&limit=${PAGE}&offset=${seen.size}`;
    const answer = await restCall(target, path, undefined, 'question', signal);
    const { resources } = answer;
    if (!Array.isArray(resources) || resources.length > LARGEST_PAGE || !resources.every(isJson))
      throw nonsense({ purpose: 'question', what: `GET ${path}` });
    const fresh = resources.filter((resource) => !seen.has(idOf(resource) ?? ''));
    const isLast = fresh.length === 0;
    const gap = gapIn(answer, resources.length, isLast ? seen.size : undefined);
    if (gap !== undefined) throw new Retryable(`GET ${query.split('?')[0]} at ${target.host} ${gap}`);
    if (isLast) return;
    for (const resource of fresh) {
      seen.add(idOf(resource) ?? '');
      await turns.next();
      yield resource;
    }
  }
  throw new Permanent(`GET ${query.split('?')[0]} at ${target.host} has more than ${PAGES_AT_MOST} pages`);
}

/**
 * Returns what an answer counts and does not hold: `subcount` of its page, `subquery_count` (since 2017) of all that
 * the filter fits. `count` is of the whole collection.
 *
 * @param all how many came, when there are no more
 */
function gapIn(
  { subcount, subquery_count }: Json,
  onPage: number,
  all: number | undefined,
): string | undefined {
  if (typeof subcount === 'number' && subcount !== onPage)
    return `was answered in part: it counts ${subcount} on a page and holds ${onPage}`;
  if (all !== undefined && typeof subquery_count === 'number' && subquery_count > all)
    return `was answered in part: it counts ${subquery_count} and gave ${all}`;
  return undefined;
}

/** Returns the id of a resource: a number in versions before 2017, a text since. */
export const idOf = ({ id }: Json): string | undefined =>
  typeof id === 'string' || typeof id === 'number' ? String(id) : undefined;

export const wordOf = (json: Json, name: string): string =>
  typeof json[name] === 'string' ? json[name] : '';

const isJson = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

async function parsed(body: Buffer): Promise<Json | undefined> {
  try {
    const json = await parseInTurns(body.toString(), JSON.parse);
    return isJson(json) ? json : undefined;
  } catch {
    return undefined;
  }
}

/** Messages with which the provisioning workflow refuses; they come as 500. */
const REFUSED =
  /No source template|Multiple source template|Provision failed for the following reasons|undefined method .userid|Validation failed|was not found/;

function statusOf(answer: HttpAnswer, json: Json | undefined, asked: Exchange, target: Target): Error {
  const error = errorIn(json);
  const why = error === undefined ? '' : told(wordOf(error, 'message'), target);
  // A gateway's own page says nothing of what CloudForms has.
  if (answer.status === 404 && error === undefined)
    return new Permanent(`${asked.what} was answered 404, but not as CloudForms does`);
  if (answer.status === 500 && REFUSED.test(why)) return new Permanent(`${asked.what} was refused: ${why}`);
  return refusalOf(answer, asked, why);
}
