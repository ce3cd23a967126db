import { createHash } from 'node:crypto';

export const SNMP_VERSIONS = ['1', '2c', '3'] as const;
export const SECURITY_LEVELS = ['noAuthNoPriv', 'authNoPriv', 'authPriv'] as const;
export const AUTH_PROTOCOLS = ['md5', 'sha', 'sha224', 'sha256', 'sha384', 'sha512'] as const;
export const PRIV_PROTOCOLS = ['des', 'aes', 'aes256b', 'aes256r'] as const;

/** User of the User-based Security Model, RFC 3414. */
export interface SnmpUser {
  user: string;
  level: (typeof SECURITY_LEVELS)[number];
  authProtocol?: (typeof AUTH_PROTOCOLS)[number];
  authKey?: string;
  privProtocol?: (typeof PRIV_PROTOCOLS)[number];
  privKey?: string;
  contextName?: string;
}

/** Agent and the credentials to ask it with; secrets are plain texts here. */
export interface SnmpTarget {
  host: string;
  port: number;
  version: (typeof SNMP_VERSIONS)[number];
  /** Community, for versions 1 and 2c. */
  community: string;
  /** User, for version 3. */
  v3?: SnmpUser;
}

/** Cache of keys by target, as a key is needed at every poll. */
const keys = new WeakMap<SnmpTarget, string>();

/**
 * Returns a key that is the same for the same agent with the same credentials, and reveals none of them. A target is
 * never changed.
 */
export function keyOfTarget(target: SnmpTarget): string {
  let key = keys.get(target);
  if (key === undefined) keys.set(target, (key = digestOf(target)));
  return key;
}

function digestOf({ host, port, version, community, v3 }: SnmpTarget): string {
  const credentials =
    version === '3' && v3
      ? [v3.user, v3.level, v3.authProtocol, v3.authKey, v3.privProtocol, v3.privKey, v3.contextName]
      : [community];
  const digest = createHash('sha256').update(JSON.stringify([version, ...credentials]));
  return `${host}:${port}:${digest.digest('base64url')}`;
}
