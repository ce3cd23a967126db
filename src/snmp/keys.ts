import { createHash } from 'node:crypto';
import { Authentication, AuthProtocols } from 'net-snmp';

/** What is expanded of a password, RFC 3414, A.2. */
const EXPANDED_BYTES = 1024 * 1024;
/** Keys of that many passwords are kept; `aes256r` makes one of its own for each engine. */
const KEPT_AT_MOST = 20_000;

/** By protocol and password, least recently used first. */
const kept = new Map<string, Buffer>();

/**
 * Teaches net-snmp to derive a password's key once: the megabyte that is hashed for it holds no engine, and takes one
 * to two milliseconds, during which nothing else is done. net-snmp does it for each engine, and forgets none.
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
  kept.delete(name);
  kept.set(name, key);
  const [oldest] = kept.keys();
  if (kept.size > KEPT_AT_MOST) kept.delete(oldest!);
  return key;
}
