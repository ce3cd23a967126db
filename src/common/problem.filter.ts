import {
  Catch,
  HttpException,
  Logger,
  NotFoundException,
  type ArgumentsHost,
  type ExceptionFilter,
} from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { STATUS_CODES } from 'node:http';
import {
  BadGateway,
  Conflict,
  Forbidden,
  InvalidInput,
  messageOf,
  NotFound,
  PayloadTooLarge,
  RequestTimeout,
  TooManyRequests,
  Unauthorized,
  Unavailable,
  VersionMismatch,
  type FieldError,
} from './errors';

/** Body of an error response (RFC 9457). */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  errors?: FieldError[];
}

/** Filter that maps errors to HTTP responses; no other code chooses an HTTP status for an error. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger('Http');

  catch(error: unknown, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const problem = problemOf(error);
    if (problem.status === 500) this.logger.error(messageOf(error), (error as Error).stack);
    sendProblem(reply, error, problem, 'Bearer');
  }
}

/** Sends a problem. @param challenge how to authenticate, where that is what is wrong (RFC 9110, 11.6.1) */
export function sendProblem(reply: FastifyReply, error: unknown, problem: Problem, challenge: string): void {
  const retryAfter = retryAfterOf(error);
  if (retryAfter !== undefined) void reply.header('Retry-After', retryAfter);
  if (problem.status === 401) void reply.header('WWW-Authenticate', challenge);
  void reply.status(problem.status).type('application/problem+json').send(problem);
}

/** Returns the value of `Retry-After`, for errors that have one. */
export const retryAfterOf = (error: unknown): string | undefined =>
  error instanceof Unavailable || error instanceof TooManyRequests
    ? String(error.retryAfterSeconds)
    : undefined;

/** SQLSTATEs of texts that PostgreSQL can't hold. */
const UNSTORABLE = new Set(['22021', '22P05']);

export function problemOf(error: unknown): Problem {
  if (error instanceof InvalidInput) return problem(400, 'The input is wrong; see errors', error.errors);
  if (error instanceof Unauthorized) return problem(401, error.message);
  if (error instanceof Forbidden) return problem(403, error.message);
  if (error instanceof RequestTimeout) return problem(408, error.message);
  if (error instanceof TooManyRequests) return problem(429, error.message);
  if (error instanceof PayloadTooLarge) return problem(413, error.message);
  if (error instanceof NotFound) return problem(404, error.message);
  if (error instanceof Conflict) return problem(409, error.message, error.errors);
  if (error instanceof VersionMismatch) return problem(412, error.message);
  if (error instanceof BadGateway) return problem(502, error.message);
  if (error instanceof Unavailable) return problem(503, error.message);
  // The framework repeats the URL of what is not found: a token may be in its query.
  if (error instanceof NotFoundException) return problem(404, error.message.replace(/\?.*/s, ''));
  if (error instanceof HttpException) return problem(error.getStatus(), error.message);
  // Fastify's own: a body that is too large, of an unknown type, shorter than its length.
  const { statusCode, message } = error as { statusCode?: number; message: string };
  if (statusCode === 400) return wrongBody(message);
  if (statusCode !== undefined && statusCode > 400 && statusCode < 500) return problem(statusCode, message);
  if (error instanceof RangeError && error.message.includes('call stack'))
    return wrongBody('is nested too deeply');
  if (UNSTORABLE.has((error as { code?: string }).code ?? ''))
    return wrongBody('a text holds a NUL or another character that can not be stored');
  return problem(500, 'Something went wrong here; the log has the details');
}

const wrongBody = (detail: string): Problem => problemOf(new InvalidInput([{ pointer: '', detail }]));

export function problem(status: number, detail: string, errors?: FieldError[]): Problem {
  const list = errors !== undefined && errors.length > 0 ? { errors } : {};
  return { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, detail, ...list };
}
