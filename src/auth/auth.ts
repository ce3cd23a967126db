import type { IncomingHttpHeaders } from 'node:http';
import { Injectable, SetMetadata, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { Forbidden, Unauthorized } from '../common/errors';
import { RouteConfig } from '../common/route-config';
import { clientAddress } from './client-address';
import { Identities, type Principal, type Sender } from './identities';

/** Rules for a route that takes alerts: its format, and where else than usual a request may have its token. */
interface WayIn {
  format: (request: FastifyRequest) => string;
  /** Format whose senders put the token into the body, and how to find it there. */
  inBody?: { of: string; token: (request: FastifyRequest) => string | undefined };
}

const PUBLIC = 'monscale:public';

/** Opens a route to everybody: health, metrics, the API's description. */
export const Public = () => SetMetadata(PUBLIC, true);

/**
 * Marks a route that takes alerts: it is open to the sources of this format as well, whose senders may give the token
 * as `?token=` or as the password of basic authentication.
 */
export const IntakeOf = (format: string | WayIn['format'], inBody?: WayIn['inBody']) =>
  RouteConfig({
    intake: { format: typeof format === 'string' ? () => format : format, inBody } satisfies WayIn,
  });

/** Returns the source that sent a request; senders with an API token are `api`. */
export function senderOf(request: FastifyRequest): Sender {
  const principal = principalOf(request);
  return principal?.kind === 'source' ? principal : { name: 'api' };
}

/** Returns who sent a request, in words. */
export function nameOf(request: FastifyRequest): string {
  const principal = principalOf(request);
  return principal?.kind === 'source' ? `source ${principal.name}` : 'the administrator';
}

/** Returns who sent a request; undefined when that is not known yet. */
export const principalOf = (request: FastifyRequest): Principal | undefined =>
  (request as { principal?: Principal }).principal;

/**
 * Checks that a source sends alerts of its own format.
 *
 * @throws Forbidden
 */
export function allow(principal: Principal, format: string | undefined): void {
  if (principal.kind !== 'source' || principal.format === format) return;
  throw new Forbidden(`the token of source ${principal.name} is good for ${principal.format} alerts alone`);
}

/**
 * Guard that lets in the built-in administrator, and sources where they may send. Requests with a body were identified
 * before it was read; those whose token is in the body are identified here.
 */
@Injectable()
export class AuthGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly identities: Identities,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const places = [context.getHandler(), context.getClass()];
    if (this.reflector.getAllAndOverride<boolean>(PUBLIC, places)) return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    if (principalOf(request) === undefined) await identify(this.identities, request, true);
    return true;
  }
}

/**
 * Finds out who sent a request.
 *
 * @param isRead whether its body has been read
 * @returns false when the token can only be in the body, which has not been read yet
 * @throws Unauthorized, TooManyRequests, Forbidden
 */
export async function identify(
  identities: Identities,
  request: FastifyRequest,
  isRead: boolean,
): Promise<boolean> {
  const { intake } = request.routeOptions.config as { intake?: WayIn };
  const format = intake?.format(request);
  const inBody = intake?.inBody?.of === format ? intake?.inBody : undefined;
  const token =
    bearerIn(request.headers) ??
    (intake && tokenIn(request)) ??
    (isRead ? inBody?.token(request) : undefined);
  if (token === undefined) {
    if (inBody !== undefined && !isRead) return false;
    throw new Unauthorized('send your token as "Authorization: Bearer <token>"');
  }
  const principal = await identities.of(token, clientAddress(request.raw));
  allow(principal, format);
  Object.assign(request, { principal });
  return true;
}

/** Returns a token from places for senders that can't set a bearer token. */
function tokenIn({ headers, query }: FastifyRequest): string | undefined {
  const { token } = query as { token?: unknown };
  return passwordIn(headers) ?? (typeof token === 'string' ? token : undefined);
}

type Headers = Pick<IncomingHttpHeaders, 'authorization'>;

export const bearerIn = ({ authorization = '' }: Headers): string | undefined =>
  /^Bearer +(\S+)$/i.exec(authorization)?.[1];

/** Returns the password of basic authentication. */
export function passwordIn({ authorization = '' }: Headers): string | undefined {
  const basic = /^Basic +([A-Za-z0-9+/=_-]+)$/i.exec(authorization)?.[1];
  if (basic === undefined) return undefined;
  return /^[^:]*:(.+)$/s.exec(Buffer.from(basic, 'base64').toString('utf8'))?.[1];
}
