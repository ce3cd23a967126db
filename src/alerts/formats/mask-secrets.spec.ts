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

it('takes no longer than what is shown is long', () => {
  for (const part of ['\\', '"', '{', '"token":', '\\"token\\":\\"', '{"name":"token","value":"', 'a:', 'eyJ', '://:']) {
    const began = performance.now();
    maskSecrets(part.repeat(Math.ceil(8_000 / part.length)), ['known-secret']);
    expect(performance.now() - began).toBeLessThan(2_000);
  } // prettier-ignore
});

it('labels that are secrets are shown as there', () => {
  expect(maskLabels({ api_token: 'x', team: 'web', note: `Bearer ${SECRET}` })).toEqual({
    api_token: '***',
    team: 'web',
    note: 'Bearer ***',
  });
  expect(['Authorization', 'x_api_key', 'SubscribeURL', 'db_password'].every(isSecretName)).toBe(true);
});
