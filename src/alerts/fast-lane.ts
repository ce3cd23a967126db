import type { IncomingMessage, ServerResponse } from 'node:http';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { Identities, type Principal, type Sender } from '../auth/identities';
import { CLOCK, type Clock } from '../common/clock';
import { Forbidden, messageOf, Unavailable } from '../common/errors';
import { problemOf } from '../common/problem.filter';
import { quietAnswer } from './emulated.controller';
import type { Answer } from './formats/alert-format';
import { Reception } from './reception';

interface Way {
  format: string;
  answered: (answer: Answer) => Answer;
}

const asItIs = (answer: Answer): Answer => answer;

/** Where most alerts come in. Everything else, and whatever is unusual about these, goes the framework's way. */
const WAYS = new Map<string, Way>([
  ['/api/v1/alerts', { format: 'native', answered: asItIs }],
  ['/api/v1/alerts/alertmanager', { format: 'alertmanager', answered: asItIs }],
  [
    '/api/v2/alerts',
    { format: 'alertmanager', answered: ({ body }) => ({ status: 200, body: quietAnswer(body) }) },
  ],
]);

const BODY_BYTES_AT_MOST = 1 << 20;
const NO_BODY = Buffer.alloc(0);

/**
 * The way in of alerts without the framework, which costs more than all the rest of a small alert: the same identity,
 * the same reception, the same answers.
 */
@Injectable()
export class FastLane {
  private readonly logger = new Logger('Http');

  constructor(
    private readonly identities: Identities,
    private readonly reception: Reception,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** @returns false when the request is for the framework: nothing of it was touched then */
  takes(request: IncomingMessage, response: ServerResponse): boolean {
    if (request.method !== 'POST') return false;
    const { url = '', headers } = request;
    const queryAt = url.indexOf('?');
    const way = WAYS.get(queryAt < 0 ? url : url.slice(0, queryAt));
    if (way === undefined || headers['content-encoding'] !== undefined || headers.expect !== undefined)
      return false;
    const length = Number(headers['content-length']);
    if (!(length > 0 && length <= BODY_BYTES_AT_MOST)) return false;
    const query = queryAt < 0 ? {} : Object.fromEntries(new URLSearchParams(url.slice(queryAt)));
    const token = bearerIn(headers.authorization) ?? (headers.authorization ? undefined : query.token);
    if (token === undefined) return false;
    this.read(request, length, (raw) => void this.answer(way, token, { raw, headers, query }, response));
    return true;
  }

  private read(request: IncomingMessage, length: number, whenRead: (body: Buffer) => void): void {
    let chunks: Buffer[] | undefined;
    let first: Buffer = NO_BODY;
    request.on('data', (chunk: Buffer) => {
      // Most come in one piece.
      if (chunk.length === length) first = chunk;
      else (chunks ??= []).push(chunk);
    });
    request.on('end', () => whenRead(chunks === undefined ? first : Buffer.concat(chunks)));
    // It went away; there is nobody to answer.
    request.on('error', () => undefined);
  }

  private async answer(
    { format, answered }: Way,
    token: string,
    given: { raw: Buffer; headers: IncomingMessage['headers']; query: Record<string, unknown> },
    response: ServerResponse,
  ): Promise<void> {
    try {
      const sender = senderOf(await this.identities.of(token), format);
      const facts = { now: this.clock.now(), ...given };
      const { status, body } = answered(await this.reception.take(format, facts, sender));
      send(response, status, 'application/json; charset=utf-8', body);
    } catch (error) {
      const problem = problemOf(error);
      if (problem.status === 500) this.logger.error(messageOf(error), (error as Error).stack);
      if (error instanceof Unavailable) response.setHeader('Retry-After', String(error.retryAfterSeconds));
      if (problem.status === 401) response.setHeader('WWW-Authenticate', 'Bearer');
      send(response, problem.status, 'application/problem+json; charset=utf-8', problem);
    }
  }
}

/** @throws Forbidden */
function senderOf(principal: Principal, format: string): Sender {
  if (principal.kind === 'administrator') return { name: 'api' };
  if (principal.format === format) return principal;
  throw new Forbidden(`the token of source ${principal.name} is good for ${principal.format} alerts alone`);
}

const bearerIn = (authorization = ''): string | undefined => /^Bearer +(\S+)$/i.exec(authorization)?.[1];

function send(response: ServerResponse, status: number, type: string, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}
