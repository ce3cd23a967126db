import { createHash } from 'node:crypto';
import { Authentication, AuthProtocols } from 'net-snmp';
import { keepNewest } from '../common/newest';

/** Length to which a password is expanded before it is hashed, RFC 3414, A.2. */
const EXPANDED_BYTES = 1024 * 1024;
/** Number of passwords whose keys are kept. `aes256r` makes a password of its own for each engine. */
const KEPT_AT_MOST = 20_000;

/** Keys by protocol and password, least recently used first. */
const kept = new Map<string, Buffer>();

/**
 * Replaces net-snmp's `passwordToKey` by one that keeps a password's key: the megabyte that is hashed for it does not
 * depend on the engine, and takes one to two milliseconds that block the process. net-snmp hashes it for each engine,
 * and forgets no key.
 */
export function mendKeys(): void {
  Object.assign(Authentication, { passwordToKey });
}

function passwordToKey(protocol: AuthProtocols, password: string | Buffer, engineId: Buffer): Buffer {
  const name = AuthProtocols[protocol];
  const algorithm = name === 'sha' ? 'sha1' : name;
  const key = keyOf(algorithm, password);
  return createHash(algorithm).update(key).update(engineId).update(key).digest();
}

function keyOf(algorithm: string, password: string | Buffer): Buffer {
  const name = `${algorithm}:${Buffer.from(password).toString('latin1')}`;
  const key = kept.get(name) ?? createHash(algorithm).update(Buffer.alloc(EXPANDED_BYTES, password)).digest();
  keepNewest(kept, name, key, KEPT_AT_MOST);
  return key;
}
