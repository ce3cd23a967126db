import type { FastifyRequest } from 'fastify';
import type { Caller } from '../common/caller';

/** Finds who is signed in, for requests without a token. Provided by the room that signs people in. */
export abstract class Sessions {
  /**
   * Returns the caller by the request's cookie, with rights as they are now (GRANTS_OF_USER); undefined without one.
   *
   * @throws Unauthorized, Forbidden
   */
  abstract callerOf(request: FastifyRequest): Promise<Caller | undefined>;
}
