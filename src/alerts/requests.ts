/** What the ways in read of a request before its format is asked. */
import type { FastifyRequest } from 'fastify';
import type { Clock } from '../common/clock';
import type { Facts } from './formats/alert-format';
import { routingKeyIn } from './formats/pagerduty.format';

export function factsOf({ body, headers, query }: FastifyRequest, clock: Clock): Facts {
  return { raw: rawOf(body), headers, query: query as Facts['query'], now: clock.now() };
}

/** The format that the path names. */
export const formatIn = ({ params }: FastifyRequest): string => (params as { format: string }).format;

/** PagerDuty's senders have no other place for it. */
export const routingKeyOf = ({ body }: FastifyRequest): string | undefined => routingKeyIn(rawOf(body));

export const tokenInBody = (request: FastifyRequest): string | undefined =>
  formatIn(request) === 'pagerduty' ? routingKeyOf(request) : undefined;

const rawOf = (body: unknown): Buffer => (Buffer.isBuffer(body) ? body : Buffer.alloc(0));
