/** Closing of what is open to everybody by default: the API's description, and the metrics. */
import { timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Forbidden, Unauthorized } from '../common/errors';
import { problemOf, sendProblem } from '../common/problem.filter';
import { DESCRIPTION, isForReaders, permit, type Access } from './access';
import { bearerIn, passwordIn } from './auth';
import { clientAddress } from './client-address';
import { hashOf, type Identities } from './identities';

/**
 * Checks that a request's caller may read, or has a token that is good for this alone: as a bearer token, or as the
 * password of basic authentication, which browsers ask a person for. Without one it may have a session.
 *
 * @throws Unauthorized, Forbidden, TooManyRequests
 */
export async function letIn(
  request: FastifyRequest,
  identities: Identities,
  access: Access,
  ownToken?: string,
): Promise<void> {
  const given = bearerIn(request.headers) ?? passwordIn(request.headers);
  if (given !== undefined && ownToken !== undefined && timingSafeEqual(hashOf(given), hashOf(ownToken)))
    return;
  const identified =
    given === undefined
      ? await identities.withoutToken(request, isForReaders(access))
      : await identities.of(given, clientAddress(request.raw));
  if (identified === undefined)
    throw new Unauthorized('send a token as "Authorization: Bearer <token>", or as the password');
  if (identified.source !== undefined) throw new Forbidden('the token of a source is good for alerts alone');
  permit(identified.caller, access);
}

/**
 * Closes the API's description, which no controller serves. It goes by routes, since a path has many spellings
 * (`/%64ocs`). Must be called before routes are added.
 */
export function closeDescription(fastify: FastifyInstance, identities: Identities): void {
  fastify.addHook('onRequest', async (request, reply) => {
    if (!DESCRIPTION.test(request.routeOptions.url ?? '')) return;
    try {
      await letIn(request, identities, { right: 'viewer', isWhole: false });
    } catch (error) {
      sendProblem(reply, error, problemOf(error), 'Basic realm="monscale", charset="UTF-8"');
      return reply;
    }
  });
}
