/** Text shown instead of a secret that a target repeats. */

const MASK = '***';
/**
 * Shortest secret that is masked anywhere, characters. A shorter one is masked only where it is a value of its own:
 * masking every `1` would garble the text, and reveal the secret.
 */
const MASKED_ANYWHERE_FROM = 4;

/**
 * Returns a text with the given secrets masked. Those under four characters are masked only where they are a value of
 * their own.
 */
export function maskTexts(text: string, secrets: readonly string[]): string {
  if (secrets.length === 0) return text;
  // Longest first, so that a secret inside another leaves no rest behind.
  return [...secrets]
    .sort((a, b) => b.length - a.length)
    .reduce(
      (masked, secret) =>
        secret.length < MASKED_ANYWHERE_FROM ? maskedAlone(masked, secret) : masked.replaceAll(secret, MASK),
      text,
    );
}

/** Name that a secret has in a header or a form. Bounded, since the text may be long. */
const SECRET_NAME = String.raw`[\w.-]{0,40}(?:auth|token|key|secret|cookie|pass|pwd|signature|credential)[\w.-]{0,40}`;

/** Patterns of what stands before and after a secret that is a value of its own. */
const ALONE: readonly (readonly [before: string, after: string])[] = [
  // The whole text, as the value of a header is in what was sent.
  [String.raw`^\s*`, String.raw`\s*$`],
  // A text in JSON, also in JSON that is a text itself.
  ['"', String.raw`"(?!\s*:)`],
  [String.raw`\\"`, String.raw`\\"`],
  // The password of a URL, or its user.
  [String.raw`://[^\s/@]*:`, '@'],
  ['://', String.raw`(?=[:@])(?=[^\s/]*@)`],
  // A header or a value of a form.
  [String.raw`\b${SECRET_NAME} ?[:=] ?`, String.raw`(?![^\s&#,;])`],
];

function maskedAlone(text: string, secret: string): string {
  if (!text.includes(secret)) return text;
  const literal = secret.replace(/[$()*+./?[\\\]^{|}-]/g, String.raw`\$&`);
  return ALONE.reduce(
    (masked, [before, after]) =>
      masked.replace(new RegExp(`(${before})(${literal})(${after})`, 'gi'), (all, left, found, right) =>
        found === secret ? `${left}${MASK}${right}` : all,
      ),
    text,
  );
}
