/** Cookies of people who sign in. A browser takes `__Host-` only over TLS, from this very host, for all of its paths. */
import type { IncomingMessage } from 'node:http';
import { parse, serialize } from 'cookie';

export type CookieName = 'monscale' | 'monscale-oidc';

const fullName = (name: CookieName, isSecure: boolean): string => (isSecure ? `__Host-${name}` : name);

/** Returns the value of a cookie; the plain name counts only where the prefixed one can't be set. */
export function cookieIn(
  { headers }: Pick<IncomingMessage, 'headers'>,
  name: CookieName,
  isSecure: boolean,
): string | undefined {
  return headers.cookie === undefined ? undefined : parse(headers.cookie)[fullName(name, isSecure)];
}

/** Returns a `Set-Cookie` header. @param maxAge seconds; 0 removes it */
export function setCookie(name: CookieName, value: string, isSecure: boolean, maxAge: number): string {
  const attributes = { httpOnly: true, secure: isSecure, sameSite: 'lax', path: '/', maxAge } as const;
  return serialize(fullName(name, isSecure), value, attributes);
}
