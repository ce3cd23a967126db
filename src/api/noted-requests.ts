import type { FastifyInstance } from 'fastify';
import { begin } from '../common/event-loop';

/** Records requests while they are answered, so that one that blocks the event loop can be named. */
export function noteRequests(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    // A stream is answered for hours, and does nothing most of the time.
    if ((request.routeOptions.config as { isStream?: boolean }).isStream === true) return done();
    const end = begin(`${request.method} ${request.routeOptions.url ?? 'an unknown path'}`);
    reply.raw.once('close', end);
    done();
  });
}
