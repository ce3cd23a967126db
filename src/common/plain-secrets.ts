/** Words in the name of a header whose value is a credential. */
const CREDENTIAL = /auth|cookie|token|key|secret|passw|session|signature|credential/i;
/** Community that everybody knows, and most agents are delivered with. */
const PUBLIC = 'public';

/**
 * Tells whether a secret is given as a text that nobody is to read: where many read definitions, as in a repository,
 * it is to be a reference. Some texts in secret fields are none: headers that carry no credential, the address of a
 * server that asks for no password, the public community. Addresses of HTTP may be secret as a whole.
 *
 * @param value as given: a text, a list of them, or an object of them such as headers
 */
export function isPlainSecret(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(isPlainSecret);
  if (typeof value === 'object' && value !== null)
    return Object.entries(value).some(([name, inner]) => typeof inner === 'string' && CREDENTIAL.test(name));
  return typeof value === 'string' && value !== PUBLIC && !isBareAddress(value);
}

function isBareAddress(text: string): boolean {
  if (!text.includes('://') || !URL.canParse(text)) return false;
  const { protocol, username, password, search } = new URL(text);
  return !/^https?:$/.test(protocol) && username === '' && password === '' && !CREDENTIAL.test(search);
}
