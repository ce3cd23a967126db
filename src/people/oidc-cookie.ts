/** Cookie that binds a sign-in at the provider to the browser that began it, signed with a key that all processes know. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { isObject } from '../common/json';

/** Sign-in that has begun. */
export interface Begun {
  state: string;
  nonce: string;
  /** PKCE code verifier (RFC 7636). */
  verifier: string;
  returnTo: string;
}

/** Time in which it must end, seconds. */
export const SIGN_IN_SECONDS = 600;

/** Returns the value of the cookie. */
export function signed(begun: Begun, key: Buffer, now: Date): string {
  const content = { ...begun, until: now.getTime() + SIGN_IN_SECONDS * 1000 };
  const text = Buffer.from(JSON.stringify(content)).toString('base64url');
  return `${text}.${macOf(text, key).toString('base64url')}`;
}

/** Returns the sign-in that a cookie tells of; undefined when we did not sign it, or it is too old. */
export function begunIn(cookie: string, key: Buffer, now: Date): Begun | undefined {
  const [text = '', mac = '', ...rest] = cookie.split('.');
  const [given, right] = [Buffer.from(mac, 'base64url'), macOf(text, key)];
  if (rest.length > 0 || given.length !== right.length || !timingSafeEqual(given, right)) return undefined;
  const content: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  if (!isObject(content) || !((content as { until?: number }).until! > now.getTime())) return undefined;
  return content as unknown as Begun;
}

const macOf = (text: string, key: Buffer): Buffer =>
  createHmac('sha256', key).update(`oidc ${text}`).digest();
