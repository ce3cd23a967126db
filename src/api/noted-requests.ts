import type { FastifyInstance } from 'fastify';
import { begin } from '../common/event-loop';

/** Records requests while they are answered, so that one that blocks the event loop can be named. */
export function noteRequests(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    const end = begin(`${request.method} ${request.routeOptions.url ?? 'an unknown path'}`);
    reply.raw.once('close', end);
    done();
  });
}
