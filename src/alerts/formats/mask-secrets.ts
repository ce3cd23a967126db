/** Texts of others for people to read, without what lets somebody in: by its name, by its shape, and where it is known. */

const MASK = '***';

/** Names of fields that hold what lets somebody in. */
const SECRET =
  /^(?:.*(?:password|passwd|passphrase|secret|token|(?:api|access|routing|service|integration|private)[_-]?key|credential).*|(?:x-)?(?:proxy-)?authorization|auth|cookie|set-cookie|pwd|signature|subscribeurl|unsubscribeurl)$/i;

export const isSecretName = (name: string): boolean => SECRET.test(name);

/** What lets somebody in wherever it stands, told by its shape. */
const SHAPES: readonly (readonly [RegExp, string])[] = [
  // A private key in PEM (RFC 7468), its lines also as they stand in JSON.
  [/-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|$)/g, MASK],
  // JSON Web Tokens (RFC 7519).
  [/\beyJ[\w-]{8,}\.[\w-]{8,}\.?[\w-]*/g, MASK],
  // Credentials in a header (RFC 9110, 11.4).
  [/\b(Bearer|Basic|Token|Digest)(\s+)[\w.~+/=-]{6,}/gi, `$1$2${MASK}`],
  // Keys and tokens of AWS, GitHub, GitLab, Slack, Google, Stripe and OpenAI by their prefixes.
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, MASK],
  [/\b(?:gh[pousr]_|github_pat_|glpat-|xox[a-z]-|AIza|sk_live_|rk_live_|sk-)[\w-]{16,}/g, MASK],
  // The password of a URL.
  [/(:\/\/[^\s/@:"'\\]{0,100}:)[^\s/@"'\\]{1,200}(@)/g, `$1${MASK}$2`],
];

/** `name=value` and `name: value` in texts, queries and forms. */
const ASSIGNED = /([\w.-]{1,60})(\s?[=:]\s?)(\\*["']?)(?!\/\/)([^\s"'\\&,;{}()[\]]{1,500})/g;

/** @param known secrets that are known, in whatever form */
export function maskSecrets(text: string, known: readonly string[] = []): string {
  let masked = maskKnown(text, known);
  masked = maskPairs(maskFields(masked));
  for (const [shape, by] of SHAPES) masked = masked.replace(shape, by);
  return masked.replace(ASSIGNED, (whole, name: string, sign: string, quote: string, value: string) =>
    isSecretName(name) && !value.startsWith(MASK) && !/^(?:null|true|false)$/.test(value)
      ? `${name}${sign}${quote}${MASK}`
      : whole,
  );
}

/** Shorter ones are parts of other words. */
const KNOWN_FROM = 6;

/** A secret as it is, as it stands in JSON and in URLs, in hexadecimal, and in Base64 wherever in what is encoded it begins. */
function maskKnown(text: string, known: readonly string[]): string {
  const forms = known.filter((secret) => secret.length >= KNOWN_FROM).flatMap(formsOf);
  return [...new Set(forms)]
    .filter((form) => form.length >= KNOWN_FROM)
    .sort((one, other) => other.length - one.length)
    .reduce((masked, form) => masked.replaceAll(form, MASK), text);
}

function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const encoded = [0, 1, 2].flatMap((offset) => {
    const whole = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    // The first and the last characters belong to what stands beside it as well.
    const from = [0, 2, 3][offset]!;
    const inner = whole.slice(from, (offset + bytes.length) % 3 === 0 ? undefined : -1);
    return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')];
  });
  const hex = bytes.toString('hex');
  return [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    hex,
    hex.toUpperCase(),
    ...encoded,
  ];
}

/** A name in JSON, also in JSON that is a text of JSON, and so on: there each quote has backslashes before it. */
const NAME = /(\\*)"([^"\\]{1,100})\1"\s*:\s*/g;

/** Values of secret names, whatever they are: texts, numbers, lists, objects; also when their end was cut off. */
const maskFields = (text: string): string =>
  maskValues(text, NAME, ([, escapes = '', name = ''], start) =>
    isSecretName(name) ? { escapes, start } : undefined,
  );

/** Labels as lists have them: `{"name": "token", "value": "x"}`, in either order. */
const maskPairs = (text: string): string => {
  const masked = maskValues(text, LABEL, ([, escapes = '', name = ''], start) =>
    isSecretName(name) ? { escapes, start } : undefined,
  );
  return maskValues(masked, VALUE, ([, escapes = ''], start) => {
    LABEL_BEHIND.lastIndex = endOfValue(masked, start, escapes);
    const [, , name = ''] = LABEL_BEHIND.exec(masked) ?? [];
    return isSecretName(name) ? { escapes, start } : undefined;
  });
};

const LABEL = /(\\*)"(?:name|key|label)\1"\s*:\s*\1"([^"\\]{1,100})\1"\s*,\s*\1"value\1"\s*:\s*/gi;
const VALUE = /(\\*)"value\1"\s*:\s*/gi;
const LABEL_BEHIND = /\s*,\s*(\\*)"(?:name|key|label)\1"\s*:\s*\1"([^"\\]{1,100})\1"/iy;

/** @param isMasked of what is found before a value: whether that is to be masked, and how it is quoted */
function maskValues(
  text: string,
  before: RegExp,
  isMasked: (found: RegExpExecArray, start: number) => { escapes: string; start: number } | undefined,
): string {
  let masked = '';
  let from = 0;
  before.lastIndex = 0;
  for (let found = before.exec(text); found !== null; found = before.exec(text)) {
    const one = isMasked(found, before.lastIndex);
    if (one === undefined) continue;
    const { escapes, start } = one;
    const end = endOfValue(text, start, escapes);
    if (/^(?:null|true|false)\b/.test(text.slice(start, start + 6))) continue;
    masked += `${text.slice(from, start)}${escapes}"${MASK}${escapes}"`;
    from = end;
    before.lastIndex = end;
  }
  return masked + text.slice(from);
}

function endOfValue(text: string, start: number, escapes: string): number {
  const quote = `${escapes}"`;
  if (text.startsWith(quote, start)) return endOfText(text, start + quote.length, escapes.length);
  if (text[start] !== '{' && text[start] !== '[') {
    const [plain = ''] = /^[^\s,}\]\\"]*/.exec(text.slice(start, start + 400)) ?? [];
    return start + plain.length;
  }
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const sign = text[at]!;
    if (text.startsWith(quote, at)) at = endOfText(text, at + quote.length, escapes.length) - 1;
    else if (sign === '{' || sign === '[') depth++;
    else if (sign === '}' || sign === ']') depth--;
    if (depth === 0) return at + 1;
  }
  return text.length;
}

/** Behind the quote that has no more backslashes before it than the one that it began with. */
function endOfText(text: string, start: number, escapes: number): number {
  for (let at = text.indexOf('"', start); at >= 0; at = text.indexOf('"', at + 1)) {
    let before = 0;
    while (at - before > start && text[at - before - 1] === '\\') before++;
    // A quote of this level follows an even number of backslashes of the levels above: n of them, doubled at each level.
    if (before <= escapes || (escapes === 0 && before % 2 === 0)) return at + 1;
  }
  return text.length;
}

/** Labels for people: those of secret names, and values that are secrets by their shape. */
export const maskLabels = (labels: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [name, isSecretName(name) ? MASK : maskSecrets(value)]),
  );
