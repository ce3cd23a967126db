import type { FieldError } from '../common/errors';
import { Choice, Text } from '../common/fields';
import { AUTH_PROTOCOLS, PRIV_PROTOCOLS, SECURITY_LEVELS, type SnmpUser } from './snmp-target';

/** Fewest characters of a password, RFC 3414, 11.2. */
const KEY_CHARACTERS = 8;

/** User of the User-based Security Model, as definitions name it. */
export class SnmpUserParams implements SnmpUser {
  @Text({ description: 'User name (USM)', minLength: 1, maxLength: 32 })
  user: string;

  @Choice(SECURITY_LEVELS, { description: 'Whether messages are signed and encrypted' })
  level: SnmpUser['level'];

  @Choice(AUTH_PROTOCOLS, { description: 'How messages are signed', optional: true })
  authProtocol?: SnmpUser['authProtocol'];

  @Text({
    directs: 'nothing',
    description: 'Password for signing, at least 8 characters',
    secret: true,
    optional: true,
  })
  authKey?: string;

  @Choice(PRIV_PROTOCOLS, { description: 'How messages are encrypted', optional: true })
  privProtocol?: SnmpUser['privProtocol'];

  @Text({
    directs: 'nothing',
    description: 'Password for encryption, at least 8 characters',
    secret: true,
    optional: true,
  })
  privKey?: string;
}

/**
 * Returns what is wrong between the fields of a user. A secret may be a reference instead of a text, and is then not
 * checked.
 *
 * @param pointer JSON pointer to the user
 */
export function userProblems(
  { level, authProtocol, authKey, privProtocol, privKey }: SnmpUser,
  pointer: string,
): FieldError[] {
  const signs = level !== 'noAuthNoPriv';
  const encrypts = level === 'authPriv';
  const missing = (name: string): FieldError => ({
    pointer: `${pointer}/${name}`,
    detail: `is needed for level ${level}`,
  });
  const keyProblem = (name: string, key: unknown): FieldError[] => {
    if (key === undefined) return [missing(name)];
    if (typeof key !== 'string' || key.length >= KEY_CHARACTERS) return [];
    return [{ pointer: `${pointer}/${name}`, detail: `must have at least ${KEY_CHARACTERS} characters` }];
  };
  return [
    ...(signs && authProtocol === undefined ? [missing('authProtocol')] : []),
    ...(signs ? keyProblem('authKey', authKey) : []),
    ...(encrypts && privProtocol === undefined ? [missing('privProtocol')] : []),
    ...(encrypts ? keyProblem('privKey', privKey) : []),
  ];
}
