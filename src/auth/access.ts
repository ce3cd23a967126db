/** What each route asks of its callers, as decorators, and the check of it. */
import { applyDecorators } from '@nestjs/common';
import { ApiExtension } from '@nestjs/swagger';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { currentCaller, may, scopesOf, type Caller, type Right } from '../common/caller';
import { Forbidden, Unauthorized } from '../common/errors';
import { RouteConfig } from '../common/route-config';

/** Right that a route asks for; `isWhole`: one without a scope. */
export interface Needed {
  right: Right;
  isWhole: boolean;
}

/** Callers that a route is open to. */
export type Access = 'public' | 'signed in' | Needed;

const declare = (access: Access, words: string): MethodDecorator =>
  applyDecorators(RouteConfig({ access }), ApiExtension('x-needs', words));

/** Opens a route to everybody: health, metrics, signing in. It has no caller. */
export const Public = () => declare('public', 'nothing');

/** Opens a route to everybody who is known, whatever they may: for what is one's own. */
export const SignedIn = () => declare('signed in', 'signed in');

/** Opens a route to callers with a right; of what has labels, only what is in the scope of that right. */
export const Needs = (right: Right) => declare({ right, isWhole: false }, right);

/** Opens a route to callers who have a right without a scope: for what has no labels. */
export const NeedsWhole = (right: Right) => declare({ right, isWhole: true }, `${right}, without a scope`);

/** Opens a route to MONSCALE_METRICS_TOKEN besides: for programs that watch monscale itself. */
export const OrMetricsToken = () => RouteConfig({ takesMetricsToken: true });

/** Tells whether the route of a request takes MONSCALE_METRICS_TOKEN. */
export const takesMetricsToken = ({ routeOptions }: FastifyRequest): boolean =>
  (routeOptions.config as { takesMetricsToken?: boolean }).takesMetricsToken === true;

/** Tells whether a viewer is let in: nobody without credentials may be more. */
export const isForReaders = (access: Access): boolean =>
  typeof access === 'object' && access.right === 'viewer';

/** Returns whom the route of a request is open to. */
export function accessOf(request: FastifyRequest): Access {
  const { access } = request.routeOptions.config as { access?: Access };
  if (access === undefined) throw new Error(`${request.routeOptions.url} declares no right`);
  return access;
}

/**
 * Checks a caller against what a route asks for.
 *
 * @throws Forbidden naming the right that is needed
 * @throws Unauthorized for callers without credentials
 */
export function permit(caller: Caller, access: Access): void {
  if (access === 'public') return;
  if (access === 'signed in') {
    if (caller.via === 'anonymous') throw new Unauthorized(HOW_TO_SIGN_IN);
    return;
  }
  const { right, isWhole } = access;
  if (isWhole ? scopesOf(caller, right) === null : may(caller, right)) return;
  if (caller.via === 'anonymous') throw new Unauthorized(HOW_TO_SIGN_IN);
  throw new Forbidden(`this needs the right ${right}${isWhole ? ' without a scope' : ''}`);
}

/**
 * Checks that the caller of this work has a right without a scope, for what depends on more than the route.
 *
 * @throws Forbidden naming the right that is needed
 */
export function demand(right: Right): void {
  const caller = currentCaller();
  if (caller !== undefined) permit(caller, { right, isWhole: true });
}

export const HOW_TO_SIGN_IN = 'sign in, or send your token as "Authorization: Bearer <token>"';

/** Routes of Swagger UI and of its document, which no controller serves. */
export const DESCRIPTION = /^\/docs(?:[/-]|$)/;

/**
 * Refuses routes that declare no right, and names them; must be called before routes are added. Nobody reaches a route
 * because somebody forgot to say who may.
 */
export function requireAccess(fastify: FastifyInstance): void {
  fastify.addHook('onRoute', ({ method, url, config }) => {
    const declared: { access?: Access } = config ?? {};
    if (DESCRIPTION.test(url) || declared.access !== undefined) return;
    throw new Error(
      `the route ${[method].flat().join(', ')} ${url} declares no right: add @Needs(…), @NeedsWhole(…), @SignedIn(), @IntakeOf(…) or @Public()`,
    );
  });
}
