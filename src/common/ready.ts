import { openedParams, type Chosen } from './choice';
import type { Mapping, MappingOptions, MappingRegistry } from './mapping-registry';
import type { Secrets } from './secrets';

/** Chosen mapping with its params as the mapping takes them. */
export interface Ready<T, O extends MappingOptions = MappingOptions> extends Mapping<T, O> {
  params: object;
  /** Secret texts in the params, also in the forms they take in requests, for masking. */
  texts: string[];
}

/** Stored choice that is opened for each use. */
export interface Opener<R> {
  /** True when opening it once is enough: no part of it is in an environment variable or a file. */
  readonly isFixed: boolean;
  /**
   * Reads the files that the choice names; must come before each `open`. Returns undefined when there is nothing to
   * wait for.
   */
  look(): Promise<void> | undefined;
  /**
   * Returns the choice ready for use.
   *
   * @throws Error for an unknown mapping, InvalidInput, SecretMissing
   */
  open(): R;
}

/**
 * Returns an opener of a stored choice. Without references the choice is checked and decrypted once. With secrets in
 * variables or files, which may change at any time, it is opened anew at every use.
 */
export function readied<T, O extends MappingOptions>(
  registry: MappingRegistry<T, O>,
  { type, params: stored }: Chosen,
  secrets: Secrets,
): Opener<Ready<T, O>> {
  const open = (): Ready<T, O> => {
    const mapping = registry.get(type);
    const { params, texts } = openedParams(mapping.options.params, stored, secrets);
    return { params, texts: withVariants(params, texts), ...mapping };
  };
  const isFixed = !secrets.mentionsReference(stored);
  return isFixed
    ? { isFixed, look: () => undefined, open: remembered(open) }
    : { isFixed, look: () => secrets.look([stored]), open };
}

/**
 * Reads the files of a choice, then opens it.
 *
 * @throws what `open` throws
 */
export async function opened<R>(opener: Opener<R>): Promise<R> {
  await opener.look();
  return opener.open();
}

/**
 * Returns secrets in all forms they take in requests: as they are, percent-encoded as in a URL, escaped as in JSON, and
 * as or within the credentials of a header.
 */
function withVariants(params: object, texts: readonly string[]): string[] {
  const { username, password } = params as { username?: unknown; password?: unknown };
  const secrets = [...texts];
  if (typeof username === 'string' && typeof password === 'string')
    secrets.push(Buffer.from(`${username}:${password}`).toString('base64'));
  return formsOf(secrets);
}

/** Returns texts as they are, percent-encoded, escaped as in JSON, and the credentials in them, where they are headers. */
export function formsOf(texts: readonly string[]): string[] {
  const secrets = texts.flatMap((text) => [text, ...credentialsIn(text)]);
  const forms = secrets.flatMap((text) => [
    text,
    encodeURIComponent(text),
    JSON.stringify(text).slice(1, -1),
  ]);
  return [...new Set(forms)];
}

/**
 * Returns the secrets in a header value: the token of `Bearer <token>`; of `Basic <Base64>` the password too (RFC 9110,
 * 11.4; RFC 7617).
 */
function credentialsIn(header: string): string[] {
  const [, scheme = '', credentials] = /^([\w-]+) +(\S{4,})$/.exec(header) ?? [];
  if (credentials === undefined) return [];
  if (scheme.toLowerCase() !== 'basic') return [credentials];
  const decoded = Buffer.from(credentials, 'base64').toString();
  const password = decoded.slice(decoded.indexOf(':') + 1);
  return password.length > 0 && decoded.includes(':') ? [credentials, password] : [credentials];
}

/**
 * Returns a function that remembers the first result. An error is not remembered: its cause, such as a wrong key, may
 * be corrected.
 */
function remembered<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
