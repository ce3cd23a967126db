import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Type } from '@nestjs/common';
import { currentCaller } from './caller';
import { step } from './check';
import { changedDirections, hasSameDirection } from './direction';
import { InvalidInput, SecretMissing, type FieldError } from './errors';
import { fieldsOf, type Field } from './fields';
import { isPlainSecret } from './plain-secrets';
import { SecretFiles } from './secret-files';
import {
  isKept,
  isReference,
  isSealed,
  KEPT_SECRET,
  variableProblem,
  type SealedSecret,
  type SecretReference,
} from './secret-value';

export { maskTexts } from './mask-texts';

const CIPHER = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;

type Params = Record<string, unknown>;
type SecretVisitor = (value: unknown, path: string[], type: unknown) => unknown;

/** Context of encrypting params: the place, the stored params, and the errors found. */
interface Sealing {
  pointer: string;
  before: Params | undefined;
  /** Pointers to changes that change who the secrets are sent to. */
  changes: readonly string[];
  errors: FieldError[];
}

/**
 * Secrets in params: encrypted when saved (AES-256-GCM), shown as `{"secret": true}`, decrypted when needed. A
 * reference to a variable or file is stored as it is and resolved at every use, so that a rotated secret takes effect
 * at once. Files are read asynchronously: callers that seal or open params call `look` first.
 */
export class Secrets {
  private readonly key: Buffer | undefined;

  /**
   * @param keys of 32 bytes: the first encrypts, the others only decrypt. With none, texts can't be stored; references
   * still work
   * @param files that definitions may name
   */
  constructor(
    private readonly keys: readonly Buffer[],
    private readonly files = new SecretFiles([]),
  ) {
    this.key = keys[0];
  }

  /** Reads the files that the values refer to, at any depth. Returns undefined when there is nothing to wait for. */
  look(values: Iterable<unknown>): Promise<void> | undefined {
    const paths = [...this.referencesIn(values)].flatMap((one) => ('file' in one ? [one.file] : []));
    return paths.length === 0 ? undefined : this.files.look(new Set(paths));
  }

  /** Tells whether any part of a value refers to a variable or a file. */
  mentionsReference(value: unknown): boolean {
    return !this.referencesIn([value]).next().done;
  }

  /** Returns what is wrong with the references in stored params, a sentence each; files by the last `look`. */
  referenceProblems(stored: unknown): string[] {
    return [...this.referencesIn([stored])].flatMap((one) => {
      const problem = this.referenceProblem(one);
      return problem === undefined ? [] : [`${JSON.stringify(one)}: ${problem}`];
    });
  }

  /**
   * Yields all references in the values, also those inside of encrypted objects: headers are encrypted as one, and each
   * may be a reference.
   */
  private *referencesIn(values: Iterable<unknown>): Generator<SecretReference> {
    const left: unknown[] = [...values];
    for (let value = left.pop(); value !== undefined || left.length > 0; value = left.pop()) {
      if (typeof value !== 'object' || value === null) continue;
      if (isReference(value)) yield value;
      else if (isSealed(value)) left.push(this.quietlyOpened(value));
      else for (const inner of Object.values(value)) left.push(inner);
    }
  }

  private quietlyOpened(sealed: SealedSecret): unknown {
    try {
      const opened = this.decrypt(sealed, '');
      return typeof opened === 'string' ? undefined : opened;
    } catch {
      return undefined;
    }
  }

  /**
   * Returns params as they are stored. A text equal to the stored one keeps its stored form.
   *
   * @param before what is stored now, also for `{"secret": true}`
   * @param changes pointers to other changes that change who these secrets are sent to
   * @throws InvalidInput with every error, among them kept secrets that would be sent to somebody else
   */
  seal(
    cls: Type<object>,
    params: Params,
    pointer: string,
    before?: Params,
    changes: readonly string[] = [],
  ): Params {
    const errors: FieldError[] = [];
    const directions = before === undefined ? [] : changedDirections(cls, params, before, this.isStill);
    const all = [...changes, ...directions.map((direction) => pointer + direction)];
    const sealed = this.sealEach(cls, params, { pointer, before, changes: all, errors });
    if (errors.length > 0) throw new InvalidInput(errors);
    return sealed;
  }

  private sealEach(cls: Type<object>, params: Params, sealing: Sealing): Params {
    const result: Params = { ...params };
    for (const field of fieldsOf(cls)) {
      const { name, options, nested, list } = field;
      const value = params[name];
      if (value === undefined || value === null) continue;
      const stored = sealing.before?.[name];
      const here = { ...sealing, pointer: sealing.pointer + step(name) };
      if (options.secret) result[name] = this.sealOne(field, value, stored, here);
      else if (nested && list) result[name] = this.sealItems(nested(), value as Params[], stored, here);
      else if (nested)
        result[name] = this.sealEach(nested(), value as Params, { ...here, before: stored as Params });
    }
    return result;
  }

  /**
   * Encrypts the secrets of list items. Items are matched with stored ones by what decides who gets their secrets,
   * wherever in the list they stand.
   */
  private sealItems(cls: Type<object>, items: Params[], stored: unknown, sealing: Sealing): Params[] {
    const known = (stored ?? []) as Params[];
    return items.map((item, index) => {
      const pointer = sealing.pointer + step(index);
      const same = (one: Params | undefined) =>
        one !== undefined && hasSameDirection(cls, item, one, this.isStill);
      const twin = same(known[index]) ? known[index] : known.find(same);
      if (twin !== undefined) return this.sealEach(cls, item, { ...sealing, pointer, before: twin });
      const before = known[index];
      const directions = before === undefined ? [] : changedDirections(cls, item, before, this.isStill);
      const changes = [...sealing.changes, ...directions.map((direction) => pointer + direction)];
      return this.sealEach(cls, item, { ...sealing, pointer, before, changes });
    });
  }

  private sealOne({ schema, options }: Field, value: unknown, stored: unknown, sealing: Sealing): unknown {
    const { pointer, changes, errors } = sealing;
    const wrong = (detail: string): undefined => void errors.push({ pointer, detail });
    if (isKept(value)) {
      if (stored === undefined) return wrong('no secret is stored here yet');
      if (changes.length === 0) return stored;
      return wrong(`must be given again: ${listed(changes)} changed, and with it to whom it is given`);
    }
    if (isReference(value)) {
      const problem = this.referenceProblem(value);
      return problem === undefined ? value : wrong(problem);
    }
    if (currentCaller()?.refersOnly === true && isPlainSecret(value))
      return wrong(
        'must not stand in a file as a text: give {"env": "MONSCALE_PARAM_NAME"} or {"file": "/path"}',
      );
    if (schema.type === 'object') {
      for (const [name, inner] of Object.entries(value as Params)) {
        const problem = isReference(inner) ? this.referenceProblem(inner) : undefined;
        if (problem !== undefined) errors.push({ pointer: pointer + step(name), detail: problem });
      }
    }
    const weakness = weaknessOf(value, options.charactersAtLeast);
    if (weakness !== undefined && !this.isStill(value, stored)) return wrong(weakness);
    if (this.key === undefined)
      return wrong(
        'can\'t be stored: MONSCALE_SECRET_KEY is not set; set it, or give {"env": "MONSCALE_PARAM_NAME"} or {"file": "/path"}',
      );
    return this.isStill(value, stored) ? stored : this.encrypt(this.key, value);
  }

  private referenceProblem(reference: SecretReference): string | undefined {
    return 'env' in reference ? variableProblem(reference.env) : this.files.problem(reference.file);
  }

  /** Tells whether a secret, as given, equals the stored one. */
  private readonly isStill = (given: unknown, stored: unknown): boolean => {
    if (isKept(given)) return true;
    if (!isSealed(stored)) return isDeepStrictEqual(stored, given);
    try {
      return isDeepStrictEqual(this.decrypt(stored, ''), given);
    } catch {
      // Under another key: it can't be told, and is sealed anew.
      return false;
    }
  };

  /** Returns params with their secrets masked; references are shown. */
  mask(cls: Type<object>, stored: Params): Params {
    return visitSecrets(cls, stored, [], (value) => (isReference(value) ? value : KEPT_SECRET));
  }

  /**
   * Returns params as a mapping takes them, and every secret text in them, for masking. Files hold what the last `look`
   * read.
   *
   * @throws SecretMissing naming the secret
   */
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
    if (isReference(value)) return parsed(this.follow(value, name), name, type);
    const opened = isSealed(value) ? this.decrypt(value, name) : value;
    return type === 'object' ? this.revealEach(opened as Params, name) : opened;
  }

  /** Resolves the values of a secret object that are references, such as one header that comes from a file. */
  private revealEach(values: Params, name: string): Params {
    const entries = Object.entries(values).map(
      ([key, value]) => [key, isReference(value) ? this.follow(value, `${name}.${key}`) : value] as const,
    );
    return Object.fromEntries(entries);
  }

  /** Returns what a variable holds now, or what a file held at the last `look`. */
  private follow(reference: SecretReference, name: string): string {
    if ('env' in reference) {
      const problem = variableProblem(reference.env);
      if (problem !== undefined)
        throw new SecretMissing(
          `the secret ${name} is not given: ${JSON.stringify(reference.env)} ${problem}`,
        );
      const value = process.env[reference.env];
      if (value !== undefined) return value;
      throw new SecretMissing(
        `the secret ${name} is not there: environment variable ${reference.env} is not set`,
      );
    }
    try {
      return this.files.text(reference.file);
    } catch (error) {
      throw new SecretMissing(`the secret ${name} is not there: ${(error as Error).message}`);
    }
  }

  private encrypt(key: Buffer, value: unknown): SealedSecret {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(CIPHER, key, iv);
    const body = Buffer.concat([cipher.update(JSON.stringify(value), 'utf8'), cipher.final()]);
    return { sealed: Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64') };
  }

  private decrypt({ sealed }: SealedSecret, name: string): unknown {
    if (this.keys.length === 0)
      throw new SecretMissing(`the secret ${name} can't be opened: MONSCALE_SECRET_KEY is not set`);
    const bytes = Buffer.from(sealed, 'base64');
    for (const key of this.keys) {
      const text = decrypted(bytes, key);
      if (text !== undefined) return JSON.parse(text) as unknown;
    }
    throw new SecretMissing(
      `the secret ${name} can't be opened: it was stored under another MONSCALE_SECRET_KEY`,
    );
  }

  /** Tells whether one of our keys decrypts it. */
  opens(sealed: SealedSecret): boolean {
    const bytes = Buffer.from(sealed.sealed, 'base64');
    return this.keys.some((key) => decrypted(bytes, key) !== undefined);
  }

  /**
   * Returns the secret encrypted under the first key; the same object if it is already.
   *
   * @throws SecretMissing when no key decrypts it
   */
  resealed(sealed: SealedSecret): SealedSecret {
    if (this.key !== undefined && decrypted(Buffer.from(sealed.sealed, 'base64'), this.key) !== undefined)
      return sealed;
    return this.encrypt(this.key!, this.decrypt(sealed, ''));
  }
}

/** Returns the decrypted text; undefined when it was encrypted under another key, or is damaged. */
function decrypted(bytes: Buffer, key: Buffer): string | undefined {
  try {
    const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, IV_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
    const body = decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES));
    return Buffer.concat([body, decipher.final()]).toString('utf8');
  } catch {
    return undefined;
  }
}

function weaknessOf(value: unknown, atLeast = 0): string | undefined {
  return typeof value === 'string' && value.length < atLeast
    ? `must have at least ${atLeast} characters, for it can be guessed`
    : undefined;
}

const NAMED_AT_MOST = 5;

const listed = (pointers: readonly string[]): string =>
  pointers.length <= NAMED_AT_MOST
    ? pointers.join(', ')
    : `${pointers.slice(0, NAMED_AT_MOST).join(', ')} and ${pointers.length - NAMED_AT_MOST} more`;

/**
 * Returns a variable that the platform sets, such as a cloud's credentials; definitions can't refer to it.
 *
 * @throws Error when it is not set
 */
export function platformVariable(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`environment variable ${name} is not set`);
  return value;
}

/** Returns a text as it is, or parsed as JSON where the field is a list or an object. */
function parsed(text: string, name: string, type: unknown): unknown {
  if (type === 'string') return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new SecretMissing(
      `the secret ${name} must be JSON: ${type === 'array' ? 'a list of texts' : 'an object of texts'}`,
    );
  }
}

function visitSecrets(cls: Type<object>, params: Params, path: string[], visit: SecretVisitor): Params {
  const result: Params = { ...params };
  for (const { name, options, schema, nested, list } of fieldsOf(cls)) {
    const value = params[name];
    if (value === undefined || value === null) continue;
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
