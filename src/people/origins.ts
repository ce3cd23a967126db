/** Origins (RFC 6454) under which browsers know this program, and requests that come from its own pages. */
import type { IncomingMessage } from 'node:http';
import { UnsupportedMediaTypeException } from '@nestjs/common';
import { isFromProxy } from '../auth/client-address';
import { Forbidden } from '../common/errors';

type Request = Pick<IncomingMessage, 'headers' | 'socket' | 'method'>;

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);
/** Types of bodies that any page may send to any site without asking it first (Fetch, CORS-safelisted). */
const SENT_UNASKED = ['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain'];

/** Returns the origin that the request's sender asked; undefined when its headers name none. */
export function originOf({ headers, socket }: Request): string | undefined {
  const isProxied = isFromProxy({ socket });
  const said = (name: string): string | undefined => {
    const value = isProxied ? headers[name] : undefined;
    return typeof value === 'string' ? value.split(',', 1)[0]!.trim().toLowerCase() : undefined;
  };
  const scheme = said('x-forwarded-proto') ?? 'http';
  const host = said('x-forwarded-host') ?? headers.host;
  if (!['http', 'https'].includes(scheme) || host === undefined || !/^[\w.:[\]-]+$/.test(host))
    return undefined;
  const url = `${scheme}://${host}`;
  return URL.canParse(url) ? new URL(url).origin : undefined;
}

/** Returns the origin that people should use: that of the public URL, else the one that was asked. */
export const publicOriginOf = (request: Request, publicUrl: string | undefined): string | undefined =>
  publicUrl === undefined ? originOf(request) : new URL(publicUrl).origin;

/** Tells whether cookies must go over TLS alone: always, but where browsers come over plain HTTP as they should. */
export function isSecure(request: Request, publicUrl: string | undefined): boolean {
  if (publicUrl !== undefined) return publicUrl.startsWith('https:');
  const origin = originOf(request);
  return origin === undefined || !isPlainLoopback(new URL(origin));
}

const isPlainLoopback = ({ protocol, hostname }: URL): boolean =>
  protocol === 'http:' && /^(?:(?:[^.]+\.)*localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);

/**
 * Refuses a request that changes something by the rights of a cookie unless a page of ours sent it: browsers add cookies
 * also to what other sites make them send.
 *
 * @throws Forbidden; UnsupportedMediaTypeException for bodies that other sites may send unasked
 */
export function refuseOtherSites(request: Request, publicUrl: string | undefined): void {
  if (SAFE.has(request.method ?? '')) return;
  if (cameFrom(request, publicUrl) !== 'us')
    throw new Forbidden(
      'a request by cookie that changes something must come from our own origin: by Sec-Fetch-Site or Origin it does not',
    );
  refuseUnaskedTypes(request);
}

/**
 * Refuses a request that signs somebody in when a page of another site sent it. What no browser sent has neither header.
 *
 * @throws Forbidden
 */
export function refuseKnownOtherSites(request: Request, publicUrl: string | undefined): void {
  if (cameFrom(request, publicUrl) === 'others')
    throw new Forbidden('this request comes from another origin by its Sec-Fetch-Site or Origin');
}

function cameFrom(request: Request, publicUrl: string | undefined): 'us' | 'others' | 'unknown' {
  const { 'sec-fetch-site': site, origin } = request.headers;
  if (site !== undefined) return site === 'same-origin' ? 'us' : 'others';
  if (origin === undefined) return 'unknown';
  const own = [originOf(request), publicOriginOf(request, publicUrl)];
  return own.includes(origin.toLowerCase()) ? 'us' : 'others';
}

function refuseUnaskedTypes({ headers }: Request): void {
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  const essence = (headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase();
  if (!hasBody || (essence !== '' && !SENT_UNASKED.includes(essence))) return;
  throw new UnsupportedMediaTypeException(
    'a body by cookie must be JSON; send Content-Type: application/json',
  );
}
