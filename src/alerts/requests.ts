/** Reads requests before their format does, and answers them. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../common/clock';
import type { Answer, Facts } from './formats/alert-format';
import { routingKeyIn } from './formats/pagerduty.format';

export function factsOf({ body, headers, query }: FastifyRequest, clock: Clock): Facts {
  return { raw: rawOf(body), headers, query: query as Facts['query'], now: clock.now() };
}

export function answered(reply: FastifyReply, { status, body }: Answer): object {
  void reply.status(status);
  return body;
}

/** Returns the format that the path names. */
export const formatIn = ({ params }: FastifyRequest): string => (params as { format: string }).format;

/** Token in the body, for senders of PagerDuty events, which have no other place for it. */
export const KEY_IN_BODY = {
  of: 'pagerduty',
  token: ({ body }: FastifyRequest): string | undefined => routingKeyIn(rawOf(body)),
};

const rawOf = (body: unknown): Buffer => (Buffer.isBuffer(body) ? body : Buffer.alloc(0));
