import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '@nestjs/common';
import { messageOf } from '../common/errors';
import { problemOf, retryAfterOf, type Problem } from '../common/problem.filter';
import { drain } from './body';
import { SECURITY_HEADER_LIST } from './security-headers';

const JSON_TYPE = 'application/json; charset=utf-8';
const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/** Writes an answer in JSON to a response that no framework holds. */
export function answerJson(response: ServerResponse, status: number, text: string): void {
  write(response, status, JSON_TYPE, text, []);
}

/** Writes the problem that an error is, and how to go on from it, to a response that no framework holds. */
export function answerError(response: ServerResponse, error: unknown): Problem {
  const problem = problemOf(error);
  const more: string[] = [];
  const retryAfter = retryAfterOf(error);
  if (retryAfter !== undefined) more.push('Retry-After', retryAfter);
  if (problem.status === 401) more.push('WWW-Authenticate', 'Bearer');
  answerProblem(response, problem, more);
  return problem;
}

/** Answers a request that failed, lets the rest of its body come to nothing, and logs what is a fault of ours. */
export function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
  logger: Logger,
): void {
  const { status } = answerError(response, error);
  if (status === 500) logger.error(messageOf(error), (error as Error).stack);
  if (!request.complete) drain(request);
}

/** @param more further headers, as names and values in turn */
export function answerProblem(response: ServerResponse, problem: Problem, more: string[]): void {
  write(response, problem.status, PROBLEM_TYPE, JSON.stringify(problem), more);
}

function write(response: ServerResponse, status: number, type: string, text: string, more: string[]): void {
  const length = String(Buffer.byteLength(text));
  const headers = SECURITY_HEADER_LIST.concat('Content-Type', type, 'Content-Length', length, more);
  response.writeHead(status, headers);
  response.end(text);
}
