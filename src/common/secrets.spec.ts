import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvalidInput } from './errors';
import { ListOf, Nested, Text, TextMap } from './fields';
import { maskTexts, Secrets } from './secrets';

class Tls {
  @Text({ description: 'key', secret: true, optional: true })
  key?: string;

  @Text({ description: 'cert', optional: true })
  cert?: string;
}

class Params {
  @Text({ description: 'url' })
  url: string;

  @Text({ description: 'password', secret: true, optional: true })
  password?: string;

  @TextMap({ description: 'headers', secret: true, optional: true })
  headers?: Record<string, string>;

  @Nested(() => Tls, { description: 'tls', optional: true })
  tls?: Tls;

  @ListOf(() => Tls, { description: 'list', optional: true })
  list?: Tls[];
}

const GIVEN = {
  url: 'http://h',
  password: 'p4ss',
  headers: { Authorization: 'Bearer t0ken' },
  tls: { key: 'k3y', cert: 'public' },
  list: [{ key: 'f1rst' }, { cert: 'public' }],
};
const TEXTS = ['p4ss', 'Bearer t0ken', 'k3y', 'f1rst'];

describe('secrets', () => {
  const secrets = new Secrets(randomBytes(32));
  const seal = (params: object, before?: object, by = secrets) =>
    by.seal(Params, params as Record<string, unknown>, '/params', before as Record<string, unknown>);
  const open = (stored: object, by = secrets) => by.open(Params, stored as Record<string, unknown>);

  it('are sealed wherever they stand, and nothing else is', () => {
    const stored = seal(GIVEN);
    const text = JSON.stringify(stored);
    for (const secret of TEXTS) expect(text).not.toContain(secret);
    const sealed = { sealed: expect.any(String) };
    expect(stored).toEqual({
      url: 'http://h',
      password: sealed,
      headers: sealed,
      tls: { key: sealed, cert: 'public' },
      list: [{ key: sealed }, { cert: 'public' }],
    });
  });

  it('open to what was given, with their texts', () => {
    const { params, texts } = open(seal(GIVEN));
    expect(params).toEqual(GIVEN);
    expect(texts.sort()).toEqual([...TEXTS].sort());
  });

  it('look different each time they are sealed', () => {
    expect(seal({ password: 'p' }).password).not.toEqual(seal({ password: 'p' }).password);
  });

  it('are shown as there', () => {
    const kept = { secret: true };
    expect(secrets.mask(Params, seal(GIVEN))).toEqual({
      url: 'http://h',
      password: kept,
      headers: kept,
      tls: { key: kept, cert: 'public' },
      list: [{ key: kept }, { cert: 'public' }],
    });
  });

  it('shown and sent back are kept as they were stored', () => {
    const stored = seal(GIVEN);
    expect(seal(secrets.mask(Params, stored), stored)).toEqual(stored);
  });

  it('that were never stored can not be kept', () => {
    const kept = { tls: { key: { secret: true } } };
    expect(() => seal(kept)).toThrow(InvalidInput);
    expect(() => seal(kept, { tls: {} })).toThrow('/params/tls/key: no secret is stored here yet');
  });

  it('under another key stay shut, and are named but not told', () => {
    const other = new Secrets(randomBytes(32));
    expect(() => open(seal(GIVEN), other)).toThrow(
      /^the secret password can't be opened: it was stored under another/,
    );
    expect(() => open(seal({ tls: { key: 'k' } }), other)).toThrow('the secret tls.key');
  });

  it('that were damaged stay shut', () => {
    const { sealed } = seal({ password: 'p' }).password as { sealed: string };
    const bytes = Buffer.from(sealed, 'base64');
    bytes[bytes.length - 1]! ^= 1;
    expect(() => open({ password: { sealed: bytes.toString('base64') } })).toThrow("can't be opened");
  });

  it('need a key to be stored, references do not', () => {
    const keyless = new Secrets(undefined);
    expect(() => seal({ password: 'p' }, undefined, keyless)).toThrow(/MONSCALE_SECRET_KEY is not set/);
    expect(() => open(seal({ password: 'p' }), keyless)).toThrow(/MONSCALE_SECRET_KEY is not set/);
    const reference = { password: { env: 'X' } };
    expect(seal(reference, undefined, keyless)).toEqual(reference);
    expect(keyless.mask(Params, reference)).toEqual(reference);
  });

  describe('that are references', () => {
    const folder = mkdtempSync(join(tmpdir(), 'monscale-secrets-'));
    const file = join(folder, 'password');

    afterAll(() => rmSync(folder, { recursive: true }));
    afterEach(() => delete process.env.SPEC_SECRET);

    it('are followed at every use', () => {
      process.env.SPEC_SECRET = 'one';
      expect(open({ password: { env: 'SPEC_SECRET' } })).toEqual({
        params: { password: 'one' },
        texts: ['one'],
      });
      process.env.SPEC_SECRET = 'two';
      expect(open({ password: { env: 'SPEC_SECRET' } }).params).toEqual({ password: 'two' });
      writeFileSync(file, 'three\n');
      expect(open({ password: { file } })).toEqual({ params: { password: 'three' }, texts: ['three'] });
    });

    it('say which secret is not there', () => {
      expect(() => open({ tls: { key: { env: 'SPEC_SECRET' } } })).toThrow(
        'the secret tls.key is not there: environment variable SPEC_SECRET is not set',
      );
      expect(() => open({ password: { file: `${file}-gone` } })).toThrow(
        /the secret password is not there: there is no file/,
      );
    });
  });

  it('are masked in what a target says, the longer ones first', () => {
    expect(maskTexts('got abcdef and abcd', ['abcd', 'abcdef'])).toBe('got *** and ***');
    expect(maskTexts('a $&$& b', ['$&$&'])).toBe('a *** b');
    expect(maskTexts('nothing', [])).toBe('nothing');
  });

  describe('that are shorter than four characters', () => {
    it.each([
      ['1', 'answered 401: 1 of 11 nodes at 10.0.0.1:8181 in 1 s'],
      ['a', 'a target was asked at a bad time'],
      ['ok', 'it is ok, and took an ok from a broker'],
      ['web', 'setting Deployment shop/web to 3; web-1 is at http://web:80/web?web=web'],
      ['0', '{"count": 0, "total": 100, "0": "x10"}'],
      ['.', 'no answer in 0.5 s. Tried 3 times.'],
      ['$&', 'pay $&1 here'],
      ['\\', 'C:\\temp\\x'],
    ])('garble no text: %j', (secret, text) => {
      expect(maskTexts(text, [secret])).toBe(text);
    });

    it.each([
      ['1', '1', '***'],
      ['1', ' 1\n', ' ***\n'],
      ['a', '{"password": "a", "name": "a b"}', '{"password": "***", "name": "a b"}'],
      ['a', '["a","a"]', '["***","***"]'],
      ['a', String.raw`{"body": "{\"pin\": \"a\"}"}`, String.raw`{"body": "{\"pin\": \"***\"}"}`],
      ['1', 'redis://user:1@10.0.0.1:6379/1 is away', 'redis://user:***@10.0.0.1:6379/1 is away'],
      ['1', 'amqp://1@h1/1', 'amqp://***@h1/1'],
      ['1', 'amqp://1:1@h1/1', 'amqp://***:***@h1/1'],
      ['1', 'X-Api-Key: 1\nX-Count: 1', 'X-Api-Key: ***\nX-Count: 1'],
      ['1', '/login?password=1&page=1', '/login?password=***&page=1'],
      ['a.b', '{"token": "a.b", "host": "a.b.c"}', '{"token": "***", "host": "a.b.c"}'],
      ['$&', '{"token":"$&"}', '{"token":"***"}'],
    ])('are masked where they are a value: %j in %j', (secret, text, masked) => {
      expect(maskTexts(text, [secret])).toBe(masked);
    });

    it('take no time in a long text', () => {
      const text = 'key-'.repeat(16_000) + '1';
      const began = performance.now();
      maskTexts(text, ['1', 'a', 'k']);
      expect(performance.now() - began).toBeLessThan(1_000);
    });
  });
});
