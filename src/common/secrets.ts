import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { Type } from '@nestjs/common';
import { InvalidInput, messageOf, type FieldError } from './errors';
import { fieldsOf } from './fields';
import {
  isKept,
  isReference,
  isSealed,
  KEPT_SECRET,
  type SealedSecret,
  type SecretReference,
} from './secret-value';

export { maskTexts } from './mask-texts';

const CIPHER = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;

type Params = Record<string, unknown>;
type SecretVisitor = (value: unknown, path: string[], type: unknown) => unknown;

/**
 * Secrets in params: sealed when they are saved (AES-256-GCM), shown as `{"secret": true}`, opened when they are
 * needed. A reference to a variable or file is kept as it is and followed at every use, so that a rotated secret
 * counts at once.
 */
export class Secrets {
  /** @param key 32 bytes; without it texts can't be stored, references still work. */
  constructor(private readonly key: Buffer | undefined) {}

  /**
   * Params as they are stored. A text that says what is stored already keeps its seal: nothing has changed.
   *
   * @param before what is stored now, also for `{"secret": true}`
   * @throws InvalidInput with every mistake
   */
  seal(cls: Type<object>, params: Params, pointer: string, before?: Params): Params {
    const errors: FieldError[] = [];
    const sealed = visitSecrets(cls, params, [], (value, path) => {
      const here = `${pointer}/${path.join('/')}`;
      const stored = path.reduce<unknown>((at, name) => (at as Params | undefined)?.[name], before);
      if (isKept(value)) {
        if (stored === undefined) errors.push({ pointer: here, detail: 'no secret is stored here yet' });
        return stored;
      }
      if (isReference(value)) return value;
      if (this.key === undefined) {
        const detail =
          'can\'t be stored: MONSCALE_SECRET_KEY is not set; set it, or give {"env": "NAME"} or {"file": "/path"}';
        errors.push({ pointer: here, detail });
        return undefined;
      }
      return this.isSealOf(stored, value) ? stored : this.encrypt(this.key, value);
    });
    if (errors.length > 0) throw new InvalidInput(errors);
    return sealed;
  }

  private isSealOf(stored: unknown, value: unknown): boolean {
    if (!isSealed(stored)) return false;
    try {
      return isDeepStrictEqual(this.decrypt(stored, ''), value);
    } catch {
      // Under another key: it can't be told, and is sealed anew.
      return false;
    }
  }

  /** Params as they are shown. */
  mask(cls: Type<object>, stored: Params): Params {
    return visitSecrets(cls, stored, [], (value) => (isReference(value) ? value : KEPT_SECRET));
  }

  /** Params as a mapping takes them, and every secret text in them, for masking. @throws Error naming the secret */
  open(cls: Type<object>, stored: Params): { params: Params; texts: string[] } {
    const texts: string[] = [];
    const params = visitSecrets(cls, stored, [], (value, path, type) => {
      const opened = this.reveal(value, path.join('.'), type);
      texts.push(
        ...(typeof opened === 'object' && opened !== null ? Object.values(opened) : [opened]).map(String),
      );
      return opened;
    });
    return { params, texts: texts.filter((text) => text.length > 0) };
  }

  private reveal(value: unknown, name: string, type: unknown): unknown {
    if (isReference(value)) return parsed(followReference(value, name), name, type);
    const opened = isSealed(value) ? this.decrypt(value, name) : value;
    return type === 'object' ? this.revealEach(opened as Params, name) : opened;
  }

  /** Values of a secret object may be references of their own: one header from a file, say. */
  private revealEach(values: Params, name: string): Params {
    const entries = Object.entries(values).map(
      ([key, value]) => [key, isReference(value) ? followReference(value, `${name}.${key}`) : value] as const,
    );
    return Object.fromEntries(entries);
  }

  private encrypt(key: Buffer, value: unknown): SealedSecret {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(CIPHER, key, iv);
    const body = Buffer.concat([cipher.update(JSON.stringify(value), 'utf8'), cipher.final()]);
    return { sealed: Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64') };
  }

  private decrypt({ sealed }: SealedSecret, name: string): unknown {
    if (this.key === undefined)
      throw new Error(`the secret ${name} can't be opened: MONSCALE_SECRET_KEY is not set`);
    try {
      const bytes = Buffer.from(sealed, 'base64');
      const iv = bytes.subarray(0, IV_BYTES);
      const decipher = createDecipheriv(CIPHER, this.key, iv, { authTagLength: TAG_BYTES });
      decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
      const text = Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]);
      return JSON.parse(text.toString('utf8')) as unknown;
    } catch {
      throw new Error(`the secret ${name} can't be opened: it was stored under another MONSCALE_SECRET_KEY`);
    }
  }
}

/** What a variable or a file holds now. @param name what it is for, in the error @throws Error when it is not there */
export function followReference(reference: SecretReference, name: string): string {
  if ('env' in reference) {
    const value = process.env[reference.env];
    if (value === undefined)
      throw new Error(`the secret ${name} is not there: environment variable ${reference.env} is not set`);
    return value;
  }
  try {
    return readFileSync(reference.file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw new Error(`the secret ${name} is not there: ${messageOf(error)}`, { cause: error });
  }
}

/** A text stands for itself; where a list or an object is wanted, it is JSON. */
function parsed(text: string, name: string, type: unknown): unknown {
  if (type === 'string') return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Error(
      `the secret ${name} must be JSON: ${type === 'array' ? 'a list of texts' : 'an object of texts'}`,
    );
  }
}

function visitSecrets(cls: Type<object>, params: Params, path: string[], visit: SecretVisitor): Params {
  const result: Params = { ...params };
  for (const { name, options, schema, nested, list } of fieldsOf(cls)) {
    const value = params[name];
    if (value === undefined) continue;
    const here = [...path, name];
    if (options.secret) result[name] = visit(value, here, schema.type);
    else if (nested && list) {
      result[name] = (value as Params[]).map((item, index) =>
        visitSecrets(nested(), item, [...here, String(index)], visit),
      );
    } else if (nested) result[name] = visitSecrets(nested(), value as Params, here, visit);
  }
  return result;
}
