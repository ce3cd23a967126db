/** Answers the console's page to whoever looks for a page: its own routes are known to the browser alone. */
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** Paths that are no page, also where there is nothing at them. */
const NO_PAGE = /^\/(?:api|assets|health|metrics|docs|docs-json|trap|auth|approve)(?:\/|$)/;

/**
 * Content security policy of the page: nothing from elsewhere, no inline script. Components set styles on their
 * elements, and the kit puts its variables into a style element.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "worker-src 'self'",
  "base-uri 'self'",
  "form-action 'self'",
  "object-src 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS = {
  'Content-Type': 'text/html; charset=utf-8',
  'Cache-Control': 'no-cache',
  'Content-Security-Policy': POLICY,
  // Stricter, and browsers would send `Origin: null` with what the page changes.
  'Referrer-Policy': 'same-origin',
  Vary: 'Accept',
};

/** Returns the path below which the console is, with a slash at both ends. */
export function basePathOf(publicUrl: string | undefined): string {
  if (publicUrl === undefined) return '/';
  return new URL(publicUrl).pathname.replace(/\/*$/, '/');
}

/** What the page has to know of the program before it asks it anything. */
export interface PageFacts {
  publicUrl?: string;
  /** Whether one may sign in by a provider. */
  hasProvider: boolean;
}

/** Returns the page as it is served. @param page as it is built, with a base of `/` */
export const pageFor = (page: string, { publicUrl, hasProvider }: PageFacts): string =>
  page
    .replace('<base href="/" />', () => `<base href="${escaped(basePathOf(publicUrl))}" />`)
    .replace('<html ', `<html data-provider="${hasProvider}" `);

/** Answers the page for every path without a route that a browser asks for; must be called before routes are added. */
export function servePage(fastify: FastifyInstance, page: string, facts: PageFacts): void {
  const here = pageFor(page, facts);
  fastify.addHook('onRequest', (request, reply, done) => {
    if (!request.is404 || !asksForPage(request)) return done();
    void reply.headers(HEADERS).send(here);
  });
}

function asksForPage({ method, url, headers }: FastifyRequest): boolean {
  const [path = ''] = url.split('?');
  return (
    (method === 'GET' || method === 'HEAD') &&
    (headers.accept?.includes('text/html') ?? false) &&
    !NO_PAGE.test(path)
  );
}

const escaped = (text: string): string =>
  text.replace(/[&"<>]/g, (character) => `&#${character.charCodeAt(0)};`);

/**
 * Returns a function that takes the public URL's path off a request's URL, for proxies that leave it on; undefined
 * where there is none. Links of the page have it, so the program answers with and without it.
 */
export function withoutBasePath(
  publicUrl: string | undefined,
): ((request: { url?: string }) => string) | undefined {
  const base = basePathOf(publicUrl);
  if (base === '/') return undefined;
  return ({ url = '/' }) => {
    if (url.startsWith(base)) return url.slice(base.length - 1);
    return url === base.slice(0, -1) ? '/' : url;
  };
}
