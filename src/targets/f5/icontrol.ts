/** iControl REST of a BIG-IP (F5, "iControl REST User Guide"): login by token, calls, what a refusal means. */
import { createHash } from 'node:crypto';
import { messageOf } from '../../common/errors';
import { keepNewest } from '../../common/newest';
import { maskTexts } from '../../common/secrets';
import { SharedCalls } from '../../common/shared-calls';
import { callJson, statusText, type JsonAnswer } from '../http/json-call';
import { originOf } from '../http/origin';
import type { HttpTls } from '../http/http-call';
import { retryAfterSeconds } from '../http/retry-after';
import { NotYet, Permanent, Retryable } from '../outcomes';

const LOGIN_PATH = '/mgmt/shared/authn/login';
/** Life of a token, seconds, where an answer does not say it: BIG-IP's default. */
const TOKEN_SECONDS = 1_200;
/** Part of its life for which a token is used: a call takes time, and clocks differ. */
const USED_PART = 0.9;
const TOKENS_AT_MOST = 64;
/**
 * Messages about something that ends by itself: a task, a transaction, a synchronization, the configuration that is
 * loaded after a start, tokens of the user (F5, K44237337: 100 at a time).
 */
const BUSY =
  /active asynchronous task|reached maximum active login tokens|(transaction|synchroni[sz]ation|config\w* (sync|load)\w*)\b.* in progress|configuration has not (yet )?(been )?loaded/i;
/** Message of a restjavad that is starting; its paths are not there yet. */
const STARTING = /URI path.* not registered/i;

export interface F5Access {
  /** Origin of the appliance. */
  url: string;
  username: string;
  password: string;
  tls?: HttpTls;
}

export interface F5Call {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  path: string;
  body?: object;
  isList?: boolean;
}

export interface CallContext {
  signal: AbortSignal;
  now: Date;
}

interface Token {
  text: string;
  /** Moment until which it is used, ms since 1970. */
  until: number;
}

/**
 * Calls appliances. A token is kept per access and used until it expires or is refused: BIG-IP grants a user only so
 * many at a time. At most `TOKENS_AT_MOST` are kept.
 */
export class IControl {
  /** Tokens by access, least recently made first. */
  private readonly tokens = new Map<string, Token>();
  private readonly logins = new SharedCalls<string>();

  /**
   * Makes one call; every status but 401 is an answer. A kept token that is refused is replaced once.
   *
   * @param deed what is done, as the begin of a sentence
   * @throws Retryable, Permanent, Ambiguous
   */
  async call(access: F5Access, call: F5Call, deed: string, context: CallContext): Promise<JsonAnswer> {
    const key = keyOf(access);
    const kept = this.kept(key, context.now);
    const token = kept ?? (await this.login(access, key, context));
    const answer = await ask(access, call, token, deed, context);
    if (answer.status !== 401) return answer;
    this.forget(key, token);
    if (kept === undefined) throw refusal(answer, deed);
    // Another call may have replaced it meanwhile.
    const fresh = this.kept(key, context.now) ?? (await this.login(access, key, context));
    const again = await ask(access, call, fresh, deed, context);
    if (again.status === 401) this.forget(key, fresh);
    return again;
  }

  private kept(key: string, now: Date): string | undefined {
    const token = this.tokens.get(key);
    return token && token.until > now.getTime() ? token.text : undefined;
  }

  private forget(key: string, refused: string): void {
    if (this.tokens.get(key)?.text === refused) this.tokens.delete(key);
  }

  /** Returns a new token: one for all calls that want it at this time. */
  private async login(access: F5Access, key: string, { now, signal }: CallContext): Promise<string> {
    try {
      return await this.logins.take(key, signal, (own) => this.logIn(access, key, { now, signal: own }));
    } catch (error) {
      if (!signal.aborted) throw error;
      throw new Retryable(`${loginDeed(access)} was not answered: ${messageOf(signal.reason)}`);
    }
  }

  private async logIn(access: F5Access, key: string, { now, signal }: CallContext): Promise<string> {
    const { username, password, tls } = access;
    const url = originOf(access.url) + LOGIN_PATH;
    const deed = loginDeed(access);
    const body = { username, password, loginProviderName: 'tmos' };
    const answer = await callJson(
      { method: 'POST', url, headers: {}, body, tls, isRead: true },
      deed,
      signal,
    );
    if (answer.status !== 200) throw refusal(answer, deed, [password]);
    const { token } = Object(answer.json) as { token?: { token?: unknown; timeout?: unknown } };
    if (typeof token?.token !== 'string')
      throw new Retryable(`${deed} was answered 200, but not as BIG-IP does`);
    const seconds = typeof token.timeout === 'number' ? token.timeout : TOKEN_SECONDS;
    const kept = { text: token.token, until: now.getTime() + seconds * USED_PART * 1000 };
    keepNewest(this.tokens, key, kept, TOKENS_AT_MOST);
    return token.token;
  }
}

const loginDeed = ({ url, username }: F5Access): string => `login to ${new URL(url).host} as ${username}`;

function keyOf({ url, username, password, tls }: F5Access): string {
  const parts = [originOf(url), username, password, tls];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}

async function ask(
  { url, tls, password }: F5Access,
  { method, path, body, isList }: F5Call,
  token: string,
  deed: string,
  { signal }: CallContext,
): Promise<JsonAnswer> {
  const headers = { 'X-F5-Auth-Token': token };
  const call = { method, url: originOf(url) + path, headers, body, tls, isList };
  const answer = await callJson(call, deed, signal);
  // Whatever is told of it later, the token is not in it.
  return { ...answer, status: statusOf(answer), json: masked(answer.json, [token, password]) };
}

/**
 * Returns the status of an answer. An error may come with status 200: `{"code": 503, "message": "…", "errorStack": []}`
 * (seen behind its REST framework).
 */
function statusOf({ status, json }: JsonAnswer): number {
  const { kind, code, message } = Object(json) as Record<string, unknown>;
  const isError = kind === undefined && typeof message === 'string' && Number.isInteger(code);
  return isError && status < 300 && (code as number) >= 400 && (code as number) < 600
    ? (code as number)
    : status;
}

function masked(json: unknown, secrets: string[]): unknown {
  const { message } = Object(json) as { message?: unknown };
  return typeof message === 'string' ? { ...(json as object), message: maskTexts(message, secrets) } : json;
}

/** Returns BIG-IP's message; empty when the answer is not its JSON. */
export function messageIn({ json }: JsonAnswer): string {
  const { message } = Object(json) as { message?: unknown };
  return typeof message === 'string' ? message : '';
}

/** Makes the error for a status that is no success. See docs/actions/f5_pool_members.md for the table. */
export function refusal(answer: JsonAnswer, deed: string, secrets: string[] = []): Error {
  const { status, headers } = answer;
  const message = maskTexts(messageIn(answer), secrets);
  const answered = `${deed} was answered ${statusText(status)}${message && `: ${message}`}`;
  if (BUSY.test(message) && status !== 401) return new NotYet(answered);
  const isLater = status >= 500 || status === 408 || status === 429 || STARTING.test(message);
  return isLater
    ? new Retryable(answered, { retryAfterSeconds: retryAfterSeconds(headers) })
    : new Permanent(answered);
}
