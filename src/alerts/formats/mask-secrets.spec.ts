import fc from 'fast-check';
import { isSecretName, maskLabels, maskSecrets } from './mask-secrets';

const SECRET = 'hunter2-hunter2';
const json = (value: unknown) => JSON.stringify(value);

describe('a secret is not shown', () => {
  it.each([
    ['of a secret name', json({ password: SECRET, host: 'h' }), '"host":"h"'],
    ['in JSON inside of a text', json({ Message: json({ apiKey: SECRET, host: 'h' }) }), 'host'],
    ['in JSON inside of JSON inside of a text', json({ a: json({ b: json({ token: SECRET, host: 'h' }) }) }), 'host'],
    ['with quotes in it', json({ token: `a"b\\"${SECRET}`, host: 'h' }), '"host":"h"'],
    ['with quotes in it, inside of a text', json({ m: json({ token: `a"b\\${SECRET}`, host: 'h' }) }), 'host'],
    ['as a list', json({ tokens: [SECRET, { a: SECRET }], host: 'h' }), '"host":"h"'],
    ['as an object', json({ credentials: { user: 'u', word: SECRET, list: ['}', SECRET] }, host: 'h' }), '"host":"h"'],
    ['as an object inside of a text', json({ m: json({ secret: { a: SECRET }, host: 'h' }) }), 'host'],
    ['cut off', json({ host: 'h', token: SECRET }).slice(0, -6), '"host":"h"'],
    ['cut off inside of a text', json({ host: 'h', m: json({ token: SECRET }) }).slice(0, -8), '"host":"h"'],
    ['as a label of a list', json([{ name: 'api_token', value: SECRET }, { name: 'host', value: 'h' }]), '"value":"h"'],
    ['as a label of a list, its value first', json([{ value: SECRET, key: 'password' }, { host: 'h' }]), '"host":"h"'],
    ['as a label of a list inside of a text', json({ m: json([{ name: 'token', value: SECRET }]), host: 'h' }), '"host":"h"'],
    ['in a form', `host=h&password=${SECRET}&x=1`, 'host=h'],
    ['in a sentence', json({ summary: `login with password: ${SECRET} failed`, host: 'h' }), 'failed'],
    ['in a selector', json({ expr: `up{token="${SECRET}",host="h"}` }), 'host'],
    ['in a header', json({ headers: { Authorization: `Bearer ${SECRET}` }, host: 'h' }), '"host":"h"'],
    ['in credentials under another name', json({ note: `sent Bearer ${SECRET}`, host: 'h' }), 'sent Bearer'],
    ['in a URL', json({ generatorURL: `https://user:${SECRET}@host.example/x` }), '@host.example/x'],
    ['in the query of a URL', json({ generatorURL: `https://host.example/x?token=${SECRET}&y=2` }), 'host.example'],
    ['as a private key', json({ note: `-----BEGIN RSA PRIVATE KEY-----\n${SECRET}\n-----END RSA PRIVATE KEY-----`, host: 'h' }), '"host":"h"'],
    ['as a JSON Web Token', json({ note: `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.${SECRET}`, host: 'h' }), '"host":"h"'],
  ])('%s', (_, text, kept) => {
    expect(text).toContain('h');
    const shown = maskSecrets(text);
    expect(shown).not.toContain(SECRET);
    expect(shown).not.toContain(SECRET.slice(3, 12));
    expect(shown).toContain(kept);
  }); // prettier-ignore

  it.each([
    ['1234567890123', json({ pin_token: 1234567890123, host: 'h' })],
    ['-12.5e7', json({ m: json({ secret: 0 }) }).replace('0}', '-12.5e7}')],
    ['AKIAIOSFODNN7EXAMPLE', json({ note: 'with AKIAIOSFODNN7EXAMPLE' })],
    ['ghp_0123456789abcdefghij', json({ labels: { build: 'ghp_0123456789abcdefghij' } })],
  ])('that is %s', (secret, text) => {
    expect(text).toContain(secret);
    expect(maskSecrets(text)).not.toContain(secret);
  });

  it('that is known, in whatever is made of it', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 12, maxLength: 40, unit: fc.constantFrom(...'abcXYZ019-_~/+') }),
        fc.string({ maxLength: 5 }),
        fc.string({ maxLength: 5 }),
        (secret, before, after) => {
          const whole = Buffer.from(before + secret + after);
          for (const text of [
            before + secret + after,
            whole.toString('base64'),
            whole.toString('base64url'),
            whole.toString('hex'),
            encodeURIComponent(secret),
          ]) {
            const shown = maskSecrets(`note ${text} end`, [secret]);
            // What is left beside it tells no more than the characters that it shares with what stands there.
            const left = shown.replace(/^note | end$/g, '').replaceAll('***', '');
            expect(Buffer.from(left, 'base64').toString('latin1')).not.toContain(secret.slice(2, -2));
            expect(left).not.toContain(secret);
            expect(shown).toContain('***');
          }
        },
      ),
    );
  });
});

it.each([
  json({ alertname: 'DiskFull', value: 93, labels: { team: 'web', keyboard: 'de', monkey: 'x' } }),
  json({ status: 'firing', secretless: null, token: null, password: false }),
  'host=web-1&status=firing',
  json({ url: 'https://host.example:8443/a?b=c' }),
])('nothing else is masked: %s', (text) => {
  expect(maskSecrets(text).replace('"secretless":null', '"secretless":null')).toBe(text);
});

describe('Base64 is looked into', () => {
  const packed = (text: string, encoding: BufferEncoding = 'base64') => Buffer.from(text).toString(encoding);
  it.each([
    ['JSON', packed(json({ password: SECRET, host: 'h' }))],
    ['its form for URLs', packed(json({ password: `${SECRET}???>>>`, host: 'h' }), 'base64url')],
    ['a form', packed(`host=h&password=${SECRET}`)],
    ['Base64 of JSON', packed(json({ data: packed(json({ token: SECRET })) }))],
    ['a header', packed(`Authorization: Bearer ${SECRET}`)],
    ['umlauts', packed(json({ größe: 'ü', secret: SECRET }))],
  ])('of %s', (_, encoded) => {
    expect(maskSecrets(json({ data_base64: encoded, host: 'h' }))).toBe('{"data_base64":"***","host":"h"}');
  });

  it('and nothing is masked where there is no secret in it', () => {
    for (const kept of [packed(json({ host: 'web-1.example', value: 93 })), packed('\0\x01password=\xff'), 'a1b2c3d4e5f60718293a'])
      expect(maskSecrets(json({ data_base64: kept }))).toBe(json({ data_base64: kept }));
  }); // prettier-ignore
});

/** Texts that ask for more than one look at each place, if anything does. */
const HOSTILE: [string, (length: number) => string][] = [
  ...['\\', '"', '{', '[', '"token":', '\\"token\\":\\"', '{"name":"token","value":"', 'a:', 'eyJ', 'eyJ-', '://:', 'token=', ' ', 'Bearer '].map(
    (part): [string, (length: number) => string] => [part, (length) => part.repeat(length / part.length)],
  ),
  ...['{"value":', '"value":[', '""value":[\\""', '\\"value\\":{', '{"value":"', '"value":""', '{"value":[{},', 'eyJhbGciOi-', 'eyJhbGciOi.eyJ', 'sk-', ':// :', '"name":"token",'].map(
    (part): [string, (length: number) => string] => [part, (length) => part.repeat(length / part.length)],
  ),
  ['"a" and blanks', (length) => '"a"' + ' '.repeat(length)],
  ['"value": beside brackets', (length) => '"value":['.repeat(length / 18) + '[]'.repeat(length / 4)],
  ['backslashes before a quote', (length) => '\\'.repeat(length) + '"token":1'],
  ['ever more backslashes', (length) => {
    let text = '';
    for (let count = 0; text.length < length; count++) text += `${'\\'.repeat(count)}"value${'\\'.repeat(count)}":{`;
    return text;
  }],
  ['a private key that begins again and again', (length) => '-----BEGIN PRIVATE KEY-----'.repeat(length / 27)],
  ['one word', (length) => 'a'.repeat(length)],
  ['Base64 of what is hostile itself', (length) => Buffer.from('{"value":'.repeat(length / 12)).toString('base64')],
]; // prettier-ignore

/** The shortest of several runs, in milliseconds: what else the machine does makes it longer. */
function shortestOf(times: number, work: () => void): number {
  const took = Array.from({ length: times }, () => {
    const began = performance.now();
    work();
    return performance.now() - began;
  });
  return Math.min(...took);
}

it.each(HOSTILE)(
  'of a text that is eight times as long it takes about eight times as long: %s',
  (_, text) => {
    const known = ['known-secret'];
    const [short, long] = [text(8_000), text(64_000)];
    const takes = (one: string) => shortestOf(4, () => maskSecrets(one, known));
    takes(short);
    // Quadratic would be 64 times. A millisecond is as short as can be told.
    const claim = () => takes(long) / Math.max(takes(short), 1);
    expect(Math.min(claim(), claim())).toBeLessThan(24);
  },
);

it('labels that are secrets are shown as there', () => {
  expect(maskLabels({ api_token: 'x', team: 'web', note: `Bearer ${SECRET}` })).toEqual({
    api_token: '***',
    team: 'web',
    note: 'Bearer ***',
  });
  expect(['Authorization', 'x_api_key', 'SubscribeURL', 'db_password'].every(isSecretName)).toBe(true);
});
