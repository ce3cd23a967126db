/** Texts of others for people to read, without what lets somebody in: by its name, by its shape, and where it is known. */
import { JsonValues } from './json-values';

export const MASK = '***';

/** Names of fields that hold what lets somebody in. */
const SECRET =
  /^(?:.*(?:password|passwd|passphrase|secret|token|(?:api|access|routing|service|integration|private)[_-]?key|credential).*|(?:x-)?(?:proxy-)?authorization|auth|cookie|set-cookie|pwd|signature|subscribeurl|unsubscribeurl)$/i;

export const isSecretName = (name: string): boolean => SECRET.test(name);

/** What lets somebody in wherever it stands, told by its shape. */
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

/** `name=value` and `name: value` in texts, queries and forms. */
const ASSIGNED = /([\w.-]{1,60})(\s?[=:]\s?)(\\*["']?)(?!\/\/)([^\s"'\\&,;{}()[\]]{1,500})/g;

/** How often what is encoded may be encoded again: Base64 of JSON of Base64. */
const ENCODED_AT_MOST = 2;

/** Takes time and memory in proportion to the text, whatever stands in it. @param known secrets that are known, in whatever form */
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
/** What is text: nothing else is in Base64 for people to read. */
const TEXT = /^[\t\n\r\x20-\x7e\u00a0-\ud7ff\ue000-\ufffc]+$/;

/** Base64 (RFC 4648) of a text that has secrets in it, such as `data_base64` of a CloudEvent, is one. */
function maskEncoded(run: string, known: readonly string[], encoded: number): string {
  const text = Buffer.from(run, 'base64').toString('utf8');
  return TEXT.test(text) && maskText(text, known, encoded) !== text ? MASK : run;
}

/** Shorter ones are parts of other words. */
const KNOWN_FROM = 6;

/** Secrets as they are, as they stand in JSON and in URLs, in hexadecimal, and in Base64 wherever in what is encoded they begin. */
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
 * A name in JSON, also in JSON that is a text of JSON, and so on: there each quote has as many backslashes before it. Those
 * before its first quote are looked at by `maskValues`.
 */
const NAME = /"([^"\\]{1,100})(?<escapes>\\*)"\s*:\s*/g;

/** Values of secret names, whatever they are: texts, numbers, lists, objects; also when their end was cut off. */
const maskFields = (text: string): string => maskValues(text, NAME, ([, name = '']) => isSecretName(name));

/** Labels as lists have them: `{"name": "token", "value": "x"}`, in either order. */
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

/** @param isMasked of what is found before a value, and where that ends: whether it is to be masked */
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

/** Labels for people: those of secret names, and values that are secrets by their shape. */
export const maskLabels = (labels: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [name, isSecretName(name) ? MASK : maskSecrets(value)]),
  );
