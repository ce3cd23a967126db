import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { Authentication, Encryption, PrivProtocols } from 'net-snmp';

const KEY_BYTES = 8;
const BLOCK_BYTES = 8;

type Engine = { engineID: Buffer };

/**
 * Replaces net-snmp's privacy protocol `des` (RFC 3414, 8), which asks OpenSSL for DES; OpenSSL 3 no longer has it.
 * Triple DES with one key three times is DES.
 */
export function mendDes(): void {
  Object.assign(Encryption.algorithms[PrivProtocols.des], { encryptPdu, decryptPdu });
}

function encryptPdu(
  pdu: Buffer,
  _privProtocol: PrivProtocols,
  password: string,
  auth: AuthProtocol,
  engine: Engine,
) {
  const { key, preIv } = localKey(password, auth, engine);
  const salt = randomBytes(BLOCK_BYTES);
  const cipher = createCipheriv('des-ede3-cbc', key, xor(preIv, salt)).setAutoPadding(false);
  const padded = Buffer.concat([pdu, Buffer.alloc(-pdu.length & (BLOCK_BYTES - 1))]);
  return { encryptedPdu: Buffer.concat([cipher.update(padded), cipher.final()]), msgPrivacyParameters: salt };
}

function decryptPdu(
  encrypted: Buffer,
  _privProtocol: PrivProtocols,
  salt: Buffer,
  password: string,
  auth: AuthProtocol,
  engine: Engine,
): Buffer {
  const { key, preIv } = localKey(password, auth, engine);
  const decipher = createDecipheriv('des-ede3-cbc', key, xor(preIv, salt)).setAutoPadding(false);
  return Buffer.concat([decipher.update(encrypted), decipher.final()]);
}

type AuthProtocol = Parameters<typeof Authentication.passwordToKey>[0];

function localKey(
  password: string,
  auth: AuthProtocol,
  { engineID }: Engine,
): { key: Buffer; preIv: Buffer } {
  const local = Authentication.passwordToKey(auth, password, engineID);
  const des = local.subarray(0, KEY_BYTES);
  return { key: Buffer.concat([des, des, des]), preIv: local.subarray(KEY_BYTES, KEY_BYTES + BLOCK_BYTES) };
}

const xor = (left: Buffer, right: Buffer): Buffer =>
  Buffer.from(left.map((byte, at) => byte ^ (right[at] ?? 0)));
