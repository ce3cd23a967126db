/** Headers that keep browsers from treating an answer as a page, a frame, a script, or something to cache. */
import type { onSendHookHandler } from 'fastify';

/**
 * Headers of every answer that is no page: whatever a browser takes it for, it loads nothing and is shown in no frame.
 */
export const SECURITY_HEADERS: Record<string, string> = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

/** The same as names and values in turn, which Node writes out without looking at each again. */
export const SECURITY_HEADER_LIST: string[] = Object.entries(SECURITY_HEADERS).flat();

const TLS = ['Strict-Transport-Security', 'max-age=15768000'] as const;

/** Makes answers tell browsers to use only TLS for half a year (RFC 6797). */
export function declareTls(): void {
  const [name, value] = TLS;
  SECURITY_HEADERS[name] = value;
  SECURITY_HEADER_LIST.push(name, value);
}

/**
 * Content security policy of Swagger UI: own scripts only; it sets styles on its elements, and has images in its style
 * sheet.
 */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "object-src 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Hook that adds the headers to every answer; those that a route has set stay. */
export const securityHeaders: onSendHookHandler = (_request, reply, payload, done) => {
  const isPage = String(reply.getHeader('content-type')).startsWith('text/html');
  const headers = isPage ? { ...SECURITY_HEADERS, 'Content-Security-Policy': PAGE_POLICY } : SECURITY_HEADERS;
  for (const [name, value] of Object.entries(headers))
    if (!reply.hasHeader(name)) void reply.header(name, value);
  done(null, payload);
};
