/**
 * The table of `docs/rights.md`, made from what the routes declare. `npm run docs:rights` writes it; `rights.spec.ts`
 * compares, and asks the program.
 */
import 'reflect-metadata';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { RequestMethod, type Type } from '@nestjs/common';
import { MetadataScanner } from '@nestjs/core';
import { FASTIFY_ROUTE_CONFIG_METADATA } from '@nestjs/platform-fastify/constants';
import { api } from '../src/api.role';
import type { Access } from '../src/auth/access';
import { ROLES, type Right, type Role } from '../src/common/caller';
import { HealthController } from '../src/health/health.controller';

const PAGE = join(resolve(__dirname, '..'), 'docs', 'rights.md');

/** Who asks, as the columns have it. */
export const PRINCIPALS = [
  'nobody',
  'viewer',
  'operator',
  'editor',
  'editor of another team',
  'approve alone',
  'admin',
  'source',
] as const;
export type Principal = (typeof PRINCIPALS)[number];

export interface Route {
  method: string;
  /** As the OpenAPI document has it: `/api/v1/services/{ref}`. */
  path: string;
  access: Access;
  /** Whether sources may send here. */
  isIntake: boolean;
  /** Whether MONSCALE_METRICS_TOKEN is taken. */
  isForMonitors: boolean;
}

/**
 * What the program answers: `yes`; `own`: no more than what is in the scope, or is one's own; or a refusal by its
 * status.
 */
export type Cell = 'yes' | 'own' | '401' | '403' | '404';

/** Returns every route of the controllers, ordered by path. */
export function routes(): Route[] {
  const scanner = new MetadataScanner();
  const found = [HealthController, ...api.controllers].flatMap((controller) => {
    const prototype = controller.prototype as Record<string, object>;
    return scanner.getAllMethodNames(prototype).flatMap((name) => routesOf(controller, prototype[name]!));
  });
  return found.sort((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
}

const keyOf = ({ path, method }: Route): string => `${path} ${method}`;

function routesOf(controller: Type, handler: object): Route[] {
  const method = Reflect.getMetadata('method', handler) as RequestMethod | undefined;
  if (method === undefined) return [];
  const config = (Reflect.getMetadata(FASTIFY_ROUTE_CONFIG_METADATA, handler) ?? {}) as {
    access: Access;
    intake?: object;
    takesMetricsToken?: true;
  };
  const pathsOf = (target: object) => [Reflect.getMetadata('path', target) as string | string[]].flat();
  return pathsOf(controller).flatMap((prefix) =>
    pathsOf(handler).map((path) => ({
      method: RequestMethod[method],
      path: `/${[prefix, path].flatMap((part) => part.split('/')).filter((part) => part !== '').join('/')}`.replace(
        /:(\w+)/g,
        '{$1}',
      ),
      access: config.access,
      isIntake: config.intake !== undefined,
      isForMonitors: config.takesMetricsToken === true,
    })),
  ); // prettier-ignore
}

/** Kinds of things that have labels. */
const LABELLED = /^\/api\/v1\/(services|infrastructures|actions|executions|contacts)(\/|$)/;

/** Returns what a principal is answered at a route. */
export function cell({ method, path, access, isIntake }: Route, principal: Principal): Cell {
  if (access === 'public') return 'yes';
  if (access === 'signed in') {
    if (principal === 'nobody') return '401';
    if (principal === 'source') return '403';
    return principal === 'admin' ? 'yes' : 'own';
  }
  if (principal === 'nobody') return '401';
  if (principal === 'source') return isIntake ? 'own' : '403';
  if (!has(principal, access.right)) return '403';
  if (principal !== 'editor of another team') return 'yes';
  if (access.isWhole) return '403';
  if (!LABELLED.test(path)) return 'own';
  if (path.includes('{')) return '404';
  // What is made carries the labels of the team.
  return method === 'POST' && !/\/(retry|resume|bulk|preview)$/.test(path) ? '403' : 'own';
}

function has(principal: Principal, right: Right): boolean {
  if (right === 'approve' || principal === 'approve alone') return right === 'approve' && principal === 'approve alone';
  const role: Role = principal === 'editor of another team' ? 'editor' : (principal as Role);
  return ROLES.indexOf(role) >= ROLES.indexOf(right);
} // prettier-ignore

function needsWords({ access, isIntake, isForMonitors }: Route): string {
  if (typeof access === 'string') return access === 'public' ? 'nothing' : access;
  const others = `${isIntake ? ', or the source' : ''}${isForMonitors ? ', or the token of metrics' : ''}`;
  return `${access.right}${access.isWhole ? ', whole' : ''}${others}`;
}

/** Returns the page with its table anew. */
export function rightsPage(): { before: string; after: string } {
  const before = readFileSync(PAGE, 'utf8');
  const begin = '<!-- rights: npm run docs:rights -->\n';
  const end = '<!-- end of rights -->';
  const header = ['route', 'needs', ...PRINCIPALS];
  const rows = routes().map((route) => [
    `\`${route.method} ${route.path}\``,
    needsWords(route),
    ...PRINCIPALS.map((principal) => cell(route, principal)),
  ]);
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const table = [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
  const after = before.replace(
    new RegExp(`${begin}[^]*${end}`),
    () => `${begin}\n<!-- prettier-ignore -->\n${table}\n\n${end}`,
  );
  return { before, after };
}

if (require.main === module) {
  const { after } = rightsPage();
  writeFileSync(PAGE, after);
}
