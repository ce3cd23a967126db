import type { IncomingHttpHeaders } from 'node:http';
import {
  applyDecorators,
  Injectable,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { ApiExtension } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { finalize, type Observable } from 'rxjs';
import { carryCallers, runAs, scopesOf, type Caller } from '../common/caller';
import { Forbidden, InvalidInput, Unauthorized } from '../common/errors';
import { RouteConfig } from '../common/route-config';
import {
  accessOf,
  HOW_TO_SIGN_IN,
  isForReaders,
  Needs,
  permit,
  takesMetricsToken,
  type Access,
} from './access';
import { clientAddress } from './client-address';
import { Identities, type Identified, type Sender } from './identities';

/** Rules for a route that takes alerts: its format, and where else than usual a request may have its token. */
interface WayIn {
  format: (request: FastifyRequest) => string;
  /** Format whose senders put the token into the body, and how to find it there. */
  inBody?: { of: string; token: (request: FastifyRequest) => string | undefined };
}

/**
 * Marks a route that takes alerts: it is open to the sources of this format as well, whose senders may give the token
 * as `?token=` or as the password of basic authentication.
 */
export const IntakeOf = (format: string | WayIn['format'], inBody?: WayIn['inBody']) =>
  applyDecorators(
    Needs('operator'),
    RouteConfig({
      intake: { format: typeof format === 'string' ? () => format : format, inBody } satisfies WayIn,
    }),
    ApiExtension('x-intake', true),
  );

/** Returns under which name what a request sends is stored, and what it may send. */
export const senderOf = (request: FastifyRequest): Sender => senderAs(identifiedIn(request));

/** Returns the sender of alerts: a source, or `api`; callers with a scope may speak for what is in it alone. */
export function senderAs(identified: Identified | undefined): Sender {
  if (identified === undefined) return { name: 'api' };
  const { caller, source } = identified;
  if (source !== undefined) return source;
  const scopes = scopesOf(caller, 'operator');
  if (scopes === null) return { name: 'api' };
  // A name of its own: it must not end what another caller began.
  const name = `api ${caller.credentialId ?? caller.userId ?? caller.via}`;
  return { name, limits: { services: null, labels: {}, addLabels: {}, scopes } };
}

/** Returns who sent a request; undefined on public routes, and when that is not known yet. */
export const callerIn = (request: FastifyRequest): Caller | undefined => identifiedIn(request)?.caller;

/** Returns who sent a request, in words. */
export const nameOf = (request: FastifyRequest): string => callerIn(request)?.actor ?? 'nobody';

const identifiedIn = (request: FastifyRequest): Identified | undefined =>
  (request as { identified?: Identified }).identified;

/**
 * Checks that the caller may send alerts: sources those of their own format, all others with the right for it.
 *
 * @throws Forbidden, Unauthorized
 */
export function allow({ caller, source }: Identified, format: string | undefined): void {
  if (source === undefined) return permit(caller, SENDS_ALERTS);
  if (source.format === format) return;
  throw new Forbidden(`the token of source ${source.name} is good for ${source.format} alerts alone`);
}

const SENDS_ALERTS: Access = { right: 'operator', isWhole: false };

/**
 * Guard that lets in who may. Requests with a body were identified before it was read; those whose token is in the body
 * are identified here.
 */
@Injectable()
export class AuthGuard implements CanActivate {
  constructor(private readonly identities: Identities) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    if (identifiedIn(request) === undefined) await identify(this.identities, request, true);
    return true;
  }
}

/** Interceptor that runs handlers in the name of their caller. A guard can't: its context does not reach the handler. */
@Injectable()
export class AsCaller implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const caller = callerIn(request);
    if (caller === undefined) return next.handle();
    const asked = { ...caller, ...insistence(caller, request) };
    // What a handler returns may go on, and a handler may go on when nobody waits for its answer any more.
    const { raw } = context.switchToHttp().getResponse<FastifyReply>();
    const answered = carryCallers();
    if (raw.closed) answered();
    else raw.once('close', answered);
    return runAs(asked, () => next.handle()).pipe(finalize(carryCallers()));
  }
}

/**
 * Returns whether a request that changes something insists on it by `?force=true`.
 *
 * @throws InvalidInput
 */
function insistence({ needs }: Caller, { method, query }: FastifyRequest): { force?: boolean } {
  const { force } = query as { force?: unknown };
  const isWriting = method !== 'GET' && (needs === 'editor' || needs === 'admin');
  if (force === undefined || !isWriting) return {};
  if (force === 'true' || force === 'false') return { force: force === 'true' };
  throw new InvalidInput([{ pointer: '/force', detail: 'must be true or false' }]);
}

/**
 * Finds out who sent a request, and checks that they may: a bearer token, else the session of a cookie, else what
 * everybody may.
 *
 * @param isRead whether its body has been read
 * @returns false on public routes, and when the token can only be in the body, which has not been read yet
 * @throws Unauthorized, TooManyRequests, Forbidden
 */
export async function identify(
  identities: Identities,
  request: FastifyRequest,
  isRead: boolean,
): Promise<boolean> {
  const access = accessOf(request);
  if (access === 'public') return false;
  const { intake } = request.routeOptions.config as { intake?: WayIn };
  const format = intake?.format(request);
  const inBody = intake?.inBody?.of === format ? intake?.inBody : undefined;
  const token =
    bearerIn(request.headers) ??
    (intake && tokenIn(request)) ??
    (isRead ? inBody?.token(request) : undefined);
  if (token === undefined && inBody !== undefined && !isRead) return false;
  const identified =
    token === undefined
      ? await identities.withoutToken(request, isForReaders(access))
      : (takesMetricsToken(request) && identities.monitor(token, clientAddress(request.raw))) ||
        (await identities.of(token, clientAddress(request.raw)));
  if (identified === undefined) throw new Unauthorized(HOW_TO_SIGN_IN);
  const needs = typeof access === 'string' ? undefined : access.right;
  // Also of who is refused: what they wanted is audited.
  Object.assign(request, { identified: { ...identified, caller: { ...identified.caller, needs } } });
  if (intake !== undefined || identified.source !== undefined) allow(identified, format);
  else permit(identified.caller, access);
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
