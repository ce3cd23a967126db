/** Masks secrets in texts for people: found by name, by shape, and where the secret is known. */
import { JsonValues } from './json-values';

export const MASK = '***';

/** Names of fields that hold credentials. */
const SECRET =
  /^(?:.*(?:password|passwd|passphrase|secret|token|(?:api|access|routing|service|integration|private)[_-]?key|credential).*|(?:x-)?(?:proxy-)?authorization|auth|cookie|set-cookie|pwd|signature|subscribeurl|unsubscribeurl)$/i;

export const isSecretName = (name: string): boolean => SECRET.test(name);

/** Shapes of credentials, masked wherever they stand. */
const SHAPES: readonly (readonly [RegExp, string | ((whole: string, rest?: string) => string)])[] = [
  // A private key in PEM (RFC 7468), its lines also as they stand in JSON.
  [/-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|$)/g, MASK],
  // JSON Web Tokens (RFC 7519): what is none is left behind as a whole, so that it is looked at once.
  [/\beyJ(?:[\w-]{8,}(\.[\w-]{8,}\.?[\w-]*)?|[\w-]*)/g, (whole, rest) => (rest === undefined ? whole : MASK)],
  // Credentials in a header (RFC 9110, 11.4).
  [/\b(Bearer|Basic|Token|Digest)(\s+)[\w.~+/=-]{6,}/gi, `$1$2${MASK}`],
  // Keys and tokens of AWS, GitHub, GitLab, Slack, Google, Stripe and OpenAI by their prefixes.
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, MASK],
  [/\b(?:gh[pousr]_|github_pat_|glpat-|xox[a-z]-|AIza|sk_live_|rk_live_|sk-)[\w-]{16,}/g, MASK],
  // The password of a URL.
  [/(:\/\/[^\s/@:"'\\]{0,100}:)[^\s/@"'\\]{1,200}(@)/g, `$1${MASK}$2`],
];

/** Matches `name=value` and `name: value` in texts, queries and forms. */
const ASSIGNED = /([\w.-]{1,60})(\s?[=:]\s?)(\\*["']?)(?!\/\/)([^\s"'\\&,;{}()[\]]{1,500})/g;

/** Largest number of encodings inside each other that are decoded: Base64 of JSON of Base64. */
const ENCODED_AT_MOST = 2;

/**
 * Masks secrets in a text, in time and memory proportional to its length, whatever its content.
 *
 * @param known secrets that are known, masked in all their forms
 */
export const maskSecrets = (text: string, known: readonly string[] = []): string =>
  maskText(text, formsOfAll(known), ENCODED_AT_MOST);

function maskText(text: string, known: readonly string[], encoded: number): string {
  let masked = known.reduce((left, form) => left.replaceAll(form, MASK), text);
  masked = maskPairs(maskFields(masked));
  for (const [shape, by] of SHAPES) masked = masked.replace(shape, by as string);
  masked = masked.replace(ASSIGNED, (whole, name: string, sign: string, quote: string, value: string) =>
    isSecretName(name) && !value.startsWith(MASK) && !/^(?:null|true|false)$/.test(value)
      ? `${name}${sign}${quote}${MASK}`
      : whole,
  );
  return encoded === 0 ? masked : masked.replace(BASE64, (run) => maskEncoded(run, known, encoded - 1));
}

const BASE64 = /[\w+/-]{16,}={0,2}/g;
/** Matches text: only Base64 of text is for people to read. */
const TEXT = /^[\t\n\r\x20-\x7e\u00a0-\ud7ff\ue000-\ufffc]+$/;

/** Masks Base64 (RFC 4648) of a text that has secrets in it, such as `data_base64` of a CloudEvent. */
function maskEncoded(run: string, known: readonly string[], encoded: number): string {
  const text = Buffer.from(run, 'base64').toString('utf8');
  return TEXT.test(text) && maskText(text, known, encoded) !== text ? MASK : run;
}

/** Smallest length of a known secret that is masked; shorter ones are parts of other words. */
const KNOWN_FROM = 6;

/**
 * Returns the forms of secrets, longest first: plain, as in JSON and in URLs, in hexadecimal, and in Base64 at any
 * offset.
 */
function formsOfAll(known: readonly string[]): string[] {
  const forms = known.filter((secret) => secret.length >= KNOWN_FROM).flatMap(formsOf);
  // Longest first, so that a secret inside another leaves no rest behind.
  return [...new Set(forms)]
    .filter((form) => form.length >= KNOWN_FROM)
    .sort((one, other) => other.length - one.length);
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

/**
 * Matches a name in JSON, also in JSON inside strings of JSON, where each quote has backslashes before it. Those before
 * its first quote are checked by `maskValues`.
 */
const NAME = /"([^"\\]{1,100})(?<escapes>\\*)"\s*:\s*/g;

/** Masks the values of secret names: texts, numbers, lists, objects; also those that were cut off. */
const maskFields = (text: string): string => maskValues(text, NAME, ([, name = '']) => isSecretName(name));

/** Masks the values of labels in lists: `{"name": "token", "value": "x"}`, in either order. */
const maskPairs = (text: string): string =>
  maskValues(
    maskValues(text, LABEL, ([, , name = '']) => isSecretName(name)),
    VALUE,
    ({ input }, end) => {
      LABEL_BEHIND.lastIndex = end();
      const [, , name = ''] = LABEL_BEHIND.exec(input) ?? [];
      return isSecretName(name);
    },
  );

const LABEL = /"(?:name|key|label)(?<escapes>\\*)"\s*:\s*\1"([^"\\]{1,100})\1"\s*,\s*\1"value\1"\s*:\s*/gi;
const VALUE = /"value(?<escapes>\\*)"\s*:\s*/gi;
const LABEL_BEHIND = /\s*,\s*(\\*)"(?:name|key|label)\1"\s*:\s*\1"([^"\\]{1,100})\1"/iy;

/**
 * Masks JSON values that `before` finds.
 *
 * @param isMasked tells, from what was found before a value and the end of the value, whether to mask it
 */
function maskValues(
  text: string,
  before: RegExp,
  isMasked: (found: RegExpExecArray, end: () => number) => boolean,
): string {
  const values = new JsonValues(text);
  let masked = '';
  let from = 0;
  before.lastIndex = 0;
  for (let found = before.exec(text); found !== null; found = before.exec(text)) {
    const { escapes = '' } = found.groups!;
    if (!text.endsWith(escapes, found.index)) {
      before.lastIndex = found.index + 1;
      continue;
    }
    const start = before.lastIndex;
    const end = () => values.end(start, escapes.length);
    if (!isMasked(found, end) || /^(?:null|true|false)\b/.test(text.slice(start, start + 6))) continue;
    masked += `${text.slice(from, start)}${escapes}"${MASK}${escapes}"`;
    from = before.lastIndex = end();
  }
  return masked + text.slice(from);
}

/** Masks labels for people: values of secret names, and values that are secrets by their shape. */
export const maskLabels = (labels: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [name, isSecretName(name) ? MASK : maskSecrets(value)]),
  );
