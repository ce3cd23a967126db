import { openedParams, type Chosen } from './choice';
import type { Mapping, MappingOptions, MappingRegistry } from './mapping-registry';
import type { Secrets } from './secrets';

/** A chosen mapping with its params as it takes them. */
export interface Ready<T, O extends MappingOptions = MappingOptions> extends Mapping<T, O> {
  params: object;
  /** Every secret text in the params, and how it stands in requests, for masking. */
  texts: string[];
}

/** A stored choice on its way to be used again and again. */
export interface Opener<R> {
  /** It is opened once: nothing of it stands elsewhere, in the environment or in a file. */
  readonly isFixed: boolean;
  /** Looks at the files that it names; comes before each `open`. Undefined when there is nothing to wait for. */
  look(): Promise<void> | undefined;
  /** @throws what makes it unusable: an unknown mapping, a secret that is not there */
  open(): R;
}

/**
 * Makes a stored choice ready: checked and decrypted once. A secret that is a variable or a file may change under us:
 * what it says is asked at every use.
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

/** Opens it when its files have been looked at. @throws what `open` throws */
export async function opened<R>(opener: Opener<R>): Promise<R> {
  await opener.look();
  return opener.open();
}

/** As they are, in a URL percent-encoded, in JSON escaped; and what is secret in a header's credentials. */
function withVariants(params: object, texts: readonly string[]): string[] {
  const { username, password } = params as { username?: unknown; password?: unknown };
  const secrets = texts.flatMap((text) => [text, ...credentialsIn(text)]);
  if (typeof username === 'string' && typeof password === 'string')
    secrets.push(Buffer.from(`${username}:${password}`).toString('base64'));
  const variants = secrets.flatMap((text) => [
    text,
    encodeURIComponent(text),
    JSON.stringify(text).slice(1, -1),
  ]);
  return [...new Set(variants)];
}

/** Of `Bearer <token>` the token; of `Basic <Base64>` the password too (RFC 9110, 11.4; RFC 7617). */
function credentialsIn(header: string): string[] {
  const [, scheme = '', credentials] = /^([\w-]+) +(\S{4,})$/.exec(header) ?? [];
  if (credentials === undefined) return [];
  if (scheme.toLowerCase() !== 'basic') return [credentials];
  const decoded = Buffer.from(credentials, 'base64').toString();
  const password = decoded.slice(decoded.indexOf(':') + 1);
  return password.length > 0 && decoded.includes(':') ? [credentials, password] : [credentials];
}

/** Asked until it answers: what made it fail, such as a key that was another, may be mended. */
function remembered<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
