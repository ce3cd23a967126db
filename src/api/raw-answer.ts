import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '@nestjs/common';
import { messageOf } from '../common/errors';
import { problemOf, retryAfterOf, type Problem } from '../common/problem.filter';
import { drain } from './body';
import { SECURITY_HEADER_LIST } from './security-headers';

const JSON_TYPE = 'application/json; charset=utf-8';
const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/** Answer to a request that no framework holds. */
export interface RawAnswer {
  status: number;
  /** Media type of the text. */
  type: string;
  text: string;
  /** Further headers, as names and values in turn. */
  more: readonly string[];
}

const NO_MORE: readonly string[] = [];

/** Returns an answer in JSON. */
export const jsonAnswer = (status: number, text: string): RawAnswer => ({
  status,
  type: JSON_TYPE,
  text,
  more: NO_MORE,
});

/** Returns the problem that an error is, and how to go on from it. Logs what is a fault of ours. */
export function errorAnswer(error: unknown, logger: Logger): RawAnswer {
  const problem = problemOf(error);
  const more: string[] = [];
  const retryAfter = retryAfterOf(error);
  if (retryAfter !== undefined) more.push('Retry-After', retryAfter);
  if (problem.status === 401) more.push('WWW-Authenticate', 'Bearer');
  if (problem.status === 500) logger.error(messageOf(error), (error as Error).stack);
  return problemAnswer(problem, more);
}

/** Answers a request that failed, and lets the rest of its body come to nothing. */
export function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
  logger: Logger,
): void {
  write(response, errorAnswer(error, logger));
  drain(request);
}

/** @param more further headers, as names and values in turn */
export function answerProblem(response: ServerResponse, problem: Problem, more: string[]): void {
  write(response, problemAnswer(problem, more));
}

const problemAnswer = (problem: Problem, more: string[]): RawAnswer => ({
  status: problem.status,
  type: PROBLEM_TYPE,
  text: JSON.stringify(problem),
  more,
});

/**
 * Returns headers as they are sent.
 *
 * @param list names and values in turn
 */
export function headerText(list: readonly string[]): string {
  let text = '';
  for (let at = 0; at < list.length; at += 2) text += `${list[at]}: ${list[at + 1]}\r\n`;
  return text;
}

/** Writes an answer to a response. */
export function write(response: ServerResponse, { status, type, text, more }: RawAnswer): void {
  const length = String(Buffer.byteLength(text));
  const headers = SECURITY_HEADER_LIST.concat('Content-Type', type, 'Content-Length', length, more);
  response.writeHead(status, headers);
  response.end(text);
}
