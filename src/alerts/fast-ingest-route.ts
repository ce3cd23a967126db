import type { IncomingMessage, ServerResponse } from 'node:http';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { hasPlainBody, readBody } from '../api/body';
import { bodyBudget, type Lease } from '../api/body-budget';
import { allow, bearerIn, senderAs } from '../auth/auth';
import { clientAddress } from '../auth/client-address';
import { Identities } from '../auth/identities';
import { answerJson, refuse } from '../api/raw-answer';
import { CLOCK, type Clock } from '../common/clock';
import { begin } from '../common/event-loop';
import { jsonInTurns } from '../common/json-text';
import { quietAnswer } from './emulated.controller';
import type { Answer, Taken } from './formats/alert-format';
import { AlertReceiver } from './alert-receiver';

interface FastRoute {
  format: string;
  /** Name of its work, where the event loop is held up. */
  work: string;
  answered: (answer: Answer) => Answer;
}

const asItIs = (answer: Answer): Answer => answer;

/** Routes on which most alerts come in. All other requests, and unusual ones on these, go through the framework. */
const FAST_ROUTES = new Map<string, FastRoute>([
  ['/api/v1/alerts', { format: 'native', work: 'alerts of native', answered: asItIs }],
  [
    '/api/v1/alerts/alertmanager',
    { format: 'alertmanager', work: 'alerts of alertmanager', answered: asItIs },
  ],
  [
    '/api/v2/alerts',
    {
      format: 'alertmanager',
      work: 'alerts of alertmanager',
      answered: ({ body }) => ({ status: 200, body: quietAnswer(body) }),
    },
  ],
]);

const BODY_BYTES_AT_MOST = 1 << 20;

/**
 * Takes alerts without the framework, which costs more than all other work for a small alert. Authentication, receiver
 * and answers are the same.
 */
@Injectable()
export class FastIngestRoute {
  private readonly logger = new Logger('Http');

  constructor(
    private readonly identities: Identities,
    private readonly receiver: AlertReceiver,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Takes the request if it is an ordinary one.
   *
   * @returns false when the request is for the framework; nothing of it was touched then
   */
  takes(request: IncomingMessage, response: ServerResponse): boolean {
    if (request.method !== 'POST') return false;
    const { url = '', headers } = request;
    const queryAt = url.indexOf('?');
    const way = FAST_ROUTES.get(queryAt < 0 ? url : url.slice(0, queryAt));
    if (way === undefined || !hasPlainBody(request)) return false;
    if (Number(headers['content-length']) > BODY_BYTES_AT_MOST) return false;
    const query = queryAt < 0 ? {} : Object.fromEntries(new URLSearchParams(url.slice(queryAt)));
    const token = bearerIn(headers) ?? (headers.authorization ? undefined : query.token);
    if (token === undefined) return false;
    void this.answer(way, token, query, request, response);
    return true;
  }

  /** Takes and answers a request. Authenticates first: no part of the body is read for unknown senders. */
  private async answer(
    { format, work, answered }: FastRoute,
    token: string,
    query: Record<string, unknown>,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    let lease: Lease | undefined;
    const end = begin(work);
    try {
      const identified = await this.identities.of(token, clientAddress(request));
      allow(identified, format);
      const sender = senderAs(identified);
      lease = bodyBudget.lease(sender.name);
      const raw = await readBody(request, response, BODY_BYTES_AT_MOST, lease);
      const facts = { raw, headers: request.headers, query, now: this.clock.now() };
      const { status, body } = answered(await this.receiver.take(format, facts, sender));
      answerJson(response, status, isLong(body) ? await jsonInTurns(body) : JSON.stringify(body));
    } catch (error) {
      refuse(request, response, error, this.logger);
    } finally {
      lease?.end();
      end();
    }
  }
}

/** Tells whether an answer is about thousands of alerts. */
const isLong = ({ accepted, rejected }: Partial<Taken>): boolean =>
  (accepted?.length ?? 0) + (rejected?.length ?? 0) > 1_000;
