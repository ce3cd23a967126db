import type { FastifyInstance, FastifyRequest } from 'fastify';
import { UnsupportedMediaTypeException } from '@nestjs/common';
import { exactJsonInTurns } from '../common/json';
import { drain, hasBody, readBody } from './body';
import { ANYBODY, UNIDENTIFIED, type BodyBudget, type Holder } from './body-budget';
import { inUtf8, requireKnownCharset, textOf } from './charset';
import { kindOf, takesLongBody, wrongMediaType, type BodyKind } from './raw-body';

export const BODY_BYTES_AT_MOST = 8 * 1024 * 1024;
/** Largest body from senders whose token stands in the body, bytes. */
const UNIDENTIFIED_BYTES_AT_MOST = 64 * 1024;
/** Largest body of public routes, bytes. */
export const ANYBODY_BYTES_AT_MOST = 16 * 1024;
/** Largest body of one definition, bytes: it is checked in one go. */
const DEFINITION_BYTES_AT_MOST = 1024 * 1024;
/** Largest YAML body, bytes: reading a megabyte takes a second. */
const YAML_BYTES_AT_MOST = 2 * 1024 * 1024;

const METHODS_WITHOUT = new Set(['GET', 'HEAD']);

const read = new WeakMap<FastifyRequest, Buffer>();

/**
 * Sets up how request bodies are read. First the sender is identified, then the media type is checked; only then the
 * body is read, into bounded memory. JSON is taken under `application/json` and the type of RFC 7396, YAML (as a text)
 * and forms where the route takes them, and raw bytes where the route wants those; each in the charset it declares. An
 * empty body counts as none, whatever its type. Other types are answered 415, with what is right. Requests without a
 * route were answered by `answerUnrouted` before.
 *
 * @param holderOf returns the sender, by what comes before the body; throws what refuses the request
 */
export function acceptBodies(
  fastify: FastifyInstance,
  budget: BodyBudget,
  holderOf: (request: FastifyRequest) => Promise<Holder>,
): void {
  const holders = new WeakMap<FastifyRequest, Holder>();
  const isSent = (request: FastifyRequest) => !METHODS_WITHOUT.has(request.method) && hasBody(request.raw);
  fastify.addHook('onRequest', async (request) => {
    if (!isSent(request)) return;
    holders.set(request, await holderOf(request));
    if (kindOf(request) === undefined) throw new UnsupportedMediaTypeException(wrongMediaType(request));
    requireKnownCharset(request.headers['content-type']);
  });
  fastify.addHook('preParsing', async (request, reply, payload) => {
    const holder = holders.get(request);
    if (holder === undefined) return payload;
    const lease = budget.lease(holder);
    reply.raw.once('close', () => lease.end());
    read.set(request, await readBody(request.raw, reply.raw, limitOf(request, holder), lease));
    return payload;
  });
  fastify.addHook('onResponse', async ({ raw }) => {
    if (!raw.complete) drain(raw);
  });
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', (request, _payload, done) => {
    const body = read.get(request);
    if (body === undefined || body.length === 0) return done(null, undefined);
    READERS[kindOf(request)!](body, request.headers['content-type']).then((value) => done(null, value), done);
  });
}

const READERS: Record<BodyKind, (body: Buffer, contentType: string | undefined) => Promise<unknown>> = {
  json: async (body, type) => exactJsonInTurns(textOf(body, type)),
  raw: async (body, type) => inUtf8(body, type),
  // Parsed where it is taken, so that a mistake can be told by its line.
  yaml: async (body, type) => textOf(body, type),
  form: async (body, type) => Object.fromEntries(new URLSearchParams(textOf(body, type))),
};

function limitOf(request: FastifyRequest, holder: Holder): number {
  if (holder === ANYBODY) return ANYBODY_BYTES_AT_MOST;
  if (holder === UNIDENTIFIED) return UNIDENTIFIED_BYTES_AT_MOST;
  if (kindOf(request) === 'yaml') return YAML_BYTES_AT_MOST;
  return takesLongBody(request) ? BODY_BYTES_AT_MOST : DEFINITION_BYTES_AT_MOST;
}
