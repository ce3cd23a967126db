import type { FastifyRequest } from 'fastify';

/** Config of a route that takes its body as it comes, of whatever type: a signature is over bytes. */
export const RAW_BODY = { rawBody: true } as const;

export const takesRawBody = ({ routeOptions }: FastifyRequest): boolean =>
  'rawBody' in (routeOptions.config as object);
