/** Rules for what a chat service says in the body of a success: whether the message is posted. */
import type { HttpAnswer } from '../targets/http/http-call';
import { Ambiguous, Permanent } from './action';
import { excerptIn, failureByStatus } from './http-outcomes';

/** Meaning of a body: posted, the status that its words stand for, or not posted, for now or for good. */
type Meaning = 'posted' | number | 'not_for_now' | 'refused';

/** Function that reads a body; undefined when the body is not in the service's form. */
type Reader = (answer: HttpAnswer, text: string) => Meaning | undefined;

/**
 * Slack's words for temporary failures (docs.slack.dev, "Sending messages using incoming webhooks", error handling).
 */
const PASSING =
  /rate_?limited|rollup_error|try again|timeout|temporarily|too many requests|service_unavailable/i;
/** Slack's words for failures in which part of the request may have been done. */
const UNSURE = /\b(?:internal|fatal)_error\b/;

const READERS = {
  /**
   * Reads `ok`, which Mattermost answers too. Other services that accept Slack's form answer JSON (such as the message)
   * or nothing.
   */
  slack: ({ status }, text) => {
    if (text === '' || text.toLowerCase() === 'ok' || status === 204) return 'posted';
    // invalid_token, channel_is_archived, …
    if (/^[a-z]+(_[a-z]+)+$/.test(text)) return failureSaidBy(text);
    return meaningOfJson(text);
  },
  /**
   * Reads an answer of Teams. A connector answers 200 with `1`, or with what Teams told it; a workflow answers 202
   * without a body.
   */
  teams: ({ status }, text) => {
    const [, told] = /\bHTTP (?:error|status)\D{0,10}(\d{3})\b/i.exec(text) ?? [];
    if (told !== undefined) return Number(told);
    if (/\bdelivery failed\b/i.test(text)) return 'not_for_now';
    if (text === '' || text === '1') return 'posted';
    const meaning = meaningOfJson(text);
    if (meaning !== undefined) return meaning;
    if (status === 202) return 'posted';
    return /\bis required\b|\b(bad|invalid) (payload|request|webhook)|\bbad request\b/i.test(text)
      ? 'refused'
      : undefined;
  },
} satisfies Record<string, Reader>;

export type ChatService = keyof typeof READERS;

/**
 * Returns why the message is not posted although the status is a success; undefined when it is posted.
 *
 * @param target method and host, as the beginning of a sentence
 */
export function chatFailure(service: ChatService, answer: HttpAnswer, target: string): Error | undefined {
  const meaning = READERS[service](answer, answer.body.toString().trim());
  if (meaning === 'posted') return undefined;
  const answered = `${target} answered ${answer.status}: ${excerptIn(answer.body)}`;
  if (meaning === undefined)
    return new Ambiguous(`${answered}; that is no answer of ${service}, it may have been posted`);
  if (typeof meaning === 'number' && meaning >= 400) return failureByStatus(meaning, answered, answer, false);
  return meaning === 'not_for_now' ? failureByStatus(503, answered, answer, false) : new Permanent(answered);
}

function failureSaidBy(text: string): Meaning {
  if (UNSURE.test(text)) return 500;
  return PASSING.test(text) ? 'not_for_now' : 'refused';
}

/**
 * Reads JSON such as `{"ok": false, "error": "…"}`. Undefined for what is no JSON, or says neither success nor failure.
 */
function meaningOfJson(text: string): Meaning | undefined {
  const json = Object(parsed(text)) as Record<string, unknown>;
  const { ok, success, result, status, error, errors, status_code: code } = json;
  const { code: inner = error } = Object(error) as { code?: unknown };
  const words = [ok, success, result, status];
  const isRefused = [false, 'error', 'failed', 'failure'].some((word) => words.includes(word));
  for (const number of [code, inner, status].map(Number)) if (number >= 400 && number < 600) return number;
  const isTold = error !== undefined && error !== null && error !== '' && error !== false;
  if (isRefused || isTold || (Array.isArray(errors) && errors.length > 0)) return failureSaidBy(text);
  return isMessage(json) || [true, 'ok', 'success'].some((word) => words.includes(word))
    ? 'posted'
    : undefined;
}

/** Tells whether the JSON is the created message, as Google Chat returns it, and Discord with `?wait=true`. */
const isMessage = ({ name, id, channel_id: channel }: Record<string, unknown>): boolean =>
  (typeof name === 'string' && /^spaces\/[^/]+\/messages\/./.test(name)) ||
  (typeof id === 'string' && typeof channel === 'string');

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
