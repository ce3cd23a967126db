import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { drain, hasPlainBody, readBody } from '../api/body';
import { bodyBudget, type Lease } from '../api/body-budget';
import { allow, bearerIn, senderAs } from '../auth/auth';
import { clientAddress } from '../auth/client-address';
import { Identities } from '../auth/identities';
import { errorAnswer, jsonAnswer, write, type RawAnswer } from '../api/raw-answer';
import type { Finder } from '../api/whole-requests';
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

/** How a request is taken, by its head. */
interface Way {
  route: FastRoute;
  token: string;
  query: Record<string, string>;
}

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
    const { method, url = '', headers } = request;
    if (method !== 'POST' || !hasPlainBody(request)) return false;
    if (Number(headers['content-length']) > BODY_BYTES_AT_MOST) return false;
    const way = wayOf(url, headers);
    if (way === undefined) return false;
    const read = (lease: Lease) => readBody(request, response, BODY_BYTES_AT_MOST, lease);
    void this.answer(way, request, read).then((answer) => {
      write(response, answer);
      drain(request);
    });
    return true;
  }

  /** Finds who answers requests with a head, whose bodies have come along with it. */
  readonly wholeRequests: Finder = ({ url, headers }) => {
    const way = wayOf(url, headers);
    if (way === undefined) return undefined;
    return (body, socket) =>
      this.answer(way, { headers, socket }, (lease) => {
        lease.grow(body.length);
        return body;
      });
  };

  /**
   * Takes a request, and never rejects. Authenticates first: no part of the body is read for unknown senders.
   *
   * @param read returns the body once its sender is known
   */
  private async answer(
    { route: { format, work, answered }, token, query }: Way,
    from: Pick<IncomingMessage, 'socket' | 'headers'>,
    read: (lease: Lease) => Promise<Buffer> | Buffer,
  ): Promise<RawAnswer> {
    let lease: Lease | undefined;
    const end = begin(work);
    try {
      const identified = await this.identities.of(token, clientAddress(from));
      allow(identified, format);
      const sender = senderAs(identified);
      lease = bodyBudget.lease(sender.name);
      const facts = { raw: await read(lease), headers: from.headers, query, now: this.clock.now() };
      const { status, body } = answered(await this.receiver.take(format, facts, sender));
      return jsonAnswer(status, isLong(body) ? await jsonInTurns(body) : JSON.stringify(body));
    } catch (error) {
      return errorAnswer(error, this.logger);
    } finally {
      lease?.end();
      end();
    }
  }
}

/** Returns how a request is taken; undefined where the framework has to. */
function wayOf(url: string, headers: IncomingHttpHeaders): Way | undefined {
  const queryAt = url.indexOf('?');
  const route = FAST_ROUTES.get(queryAt < 0 ? url : url.slice(0, queryAt));
  if (route === undefined) return undefined;
  const query = queryAt < 0 ? {} : Object.fromEntries(new URLSearchParams(url.slice(queryAt)));
  const token = bearerIn(headers) ?? (headers.authorization ? undefined : query.token);
  return token === undefined ? undefined : { route, token, query };
}

/** Tells whether an answer is about thousands of alerts. */
const isLong = ({ accepted, rejected }: Partial<Taken>): boolean =>
  (accepted?.length ?? 0) + (rejected?.length ?? 0) > 1_000;
