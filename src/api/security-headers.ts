/** Headers that say to browsers what an answer is not: a page, a frame, a script, something to keep. */
import type { onSendHookHandler } from 'fastify';

/** On every answer that is no page. Whatever a browser takes it for, it loads nothing, and stands in no frame. */
export const SECURITY_HEADERS: Record<string, string> = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

/** For whom TLS is had, browsers are told to stay with it (RFC 6797): for half a year. */
export function declareTls(): void {
  SECURITY_HEADERS['Strict-Transport-Security'] = 'max-age=15768000';
}

/** Swagger UI: scripts of its own alone; it sets styles in its elements, and has images within its style sheet. */
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

/** A hook of every route: what a route set itself stays. */
export const securityHeaders: onSendHookHandler = (_request, reply, payload, done) => {
  const isPage = String(reply.getHeader('content-type')).startsWith('text/html');
  const headers = isPage ? { ...SECURITY_HEADERS, 'Content-Security-Policy': PAGE_POLICY } : SECURITY_HEADERS;
  for (const [name, value] of Object.entries(headers))
    if (!reply.hasHeader(name)) void reply.header(name, value);
  done(null, payload);
};
