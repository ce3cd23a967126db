import { workedMs } from '../../test/loop-delay';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvalidInput, SecretMissing } from './errors';
import { ListOf, Nested, Text, TextMap } from './fields';
import { SecretFiles } from './secret-files';
import { maskTexts, Secrets } from './secrets';

class Tls {
  @Text({ description: 'key', secret: true, optional: true, directs: 'nothing' })
  key?: string;

  @Text({ description: 'cert', optional: true })
  cert?: string;
}

class Params {
  @Text({ description: 'url' })
  url: string;

  @Text({ description: 'note', optional: true, directs: 'nothing' })
  note?: string;

  @Text({ description: 'password', secret: true, optional: true, directs: 'nothing' })
  password?: string;

  @TextMap({ description: 'headers', secret: true, optional: true, directs: 'nothing' })
  headers?: Record<string, string>;

  @Nested(() => Tls, { description: 'tls', optional: true })
  tls?: Tls;

  @ListOf(() => Tls, { description: 'list', optional: true, directs: 'nothing' })
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
  const secrets = new Secrets([randomBytes(32)]);
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
    const other = new Secrets([randomBytes(32)]);
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
    const keyless = new Secrets([]);
    expect(() => seal({ password: 'p' }, undefined, keyless)).toThrow(/MONSCALE_SECRET_KEY is not set/);
    expect(() => open(seal({ password: 'p' }), keyless)).toThrow(/MONSCALE_SECRET_KEY is not set/);
    const reference = { password: { env: 'MONSCALE_PARAM_X' } };
    expect(seal(reference, undefined, keyless)).toEqual(reference);
    expect(keyless.mask(Params, reference)).toEqual(reference);
  });

  describe('that are references', () => {
    const folder = mkdtempSync(join(tmpdir(), 'monscale-secrets-'));
    const file = join(folder, 'password');
    const following = new Secrets([randomBytes(32)], new SecretFiles([folder]));
    const followed = async (stored: object) => {
      await following.look([stored]);
      return open(stored, following);
    };

    afterAll(() => rmSync(folder, { recursive: true }));
    afterEach(() => delete process.env.MONSCALE_PARAM_SPEC);

    it('are followed at every use', async () => {
      process.env.MONSCALE_PARAM_SPEC = 'one';
      expect(await followed({ password: { env: 'MONSCALE_PARAM_SPEC' } })).toEqual({
        params: { password: 'one' },
        texts: ['one'],
      });
      process.env.MONSCALE_PARAM_SPEC = 'two';
      expect((await followed({ password: { env: 'MONSCALE_PARAM_SPEC' } })).params).toEqual({
        password: 'two',
      });
      writeFileSync(file, 'three\n');
      expect(await followed({ password: { file } })).toEqual({
        params: { password: 'three' },
        texts: ['three'],
      });
    });

    it('may be one header of several, also when they are sealed', async () => {
      const header = join(folder, 'header');
      writeFileSync(header, 'four');
      const headers = { Authorization: { file: header }, 'X-Team': 'web' };
      await following.look([headers]);
      const stored = seal({ headers }, undefined, following);
      expect(following.mentionsReference(stored)).toBe(true);
      expect(following.mentionsReference(seal({ headers: { a: 'b' } }, undefined, following))).toBe(false);
      expect((await followed(stored)).params).toEqual({
        headers: { Authorization: 'four', 'X-Team': 'web' },
      });
    });

    it('say which secret is not there', async () => {
      await expect(followed({ tls: { key: { env: 'MONSCALE_PARAM_SPEC' } } })).rejects.toThrow(
        'the secret tls.key is not there: environment variable MONSCALE_PARAM_SPEC is not set',
      );
      await expect(followed({ password: { file: `${file}-gone` } })).rejects.toThrow(
        `the secret password is not there: there is no file ${file}-gone`,
      );
    });

    it.each([
      [{ password: { env: 'DATABASE_URL' } }, 'the secret password is not given: "DATABASE_URL" must name a variable'],
      [{ password: { env: 'MONSCALE_SECRET_KEY' } }, 'must name a variable MONSCALE_PARAM_'],
      [{ password: { file: '/etc/passwd' } }, 'the file /etc/passwd does not lie below'],
      [{ tls: { key: { file: `${folder}/../x` } } }, 'does not lie below'],
      [{ password: { file: folder } }, 'does not lie below'],
    ])('of before the rule are refused when they are used: %j', async (stored, why) => {
      await expect(followed(stored)).rejects.toThrow(why);
      await expect(followed(stored)).rejects.toThrow(SecretMissing);
    }); // prettier-ignore

    it.each([
      [{ password: { file: '/etc/passwd' } }, '/params/password'],
      [{ headers: { file: '/etc/passwd' } }, '/params/headers'],
      [{ headers: { 'X-A': 'b', 'X-Key': { file: '/proc/self/environ' } } }, '/params/headers/X-Key'],
      [{ list: [{}, { key: { file: `${folder}/../../etc/passwd` } }] }, '/params/list/1/key'],
      [{ tls: { key: { env: 'HOME' } } }, '/params/tls/key'],
    ])('can not be saved when they lead elsewhere: %j', (params, pointer) => {
      expect(() => seal(params, undefined, following)).toThrow(pointer);
    });

    it('are looked at in what anybody sends, however deep it is', () => {
      let deep: unknown = { file: '/etc/passwd' };
      for (let level = 0; level < 100_000; level++) deep = [deep];
      expect(following.look([deep])).toBeUndefined();
    });
  });

  describe('that are kept', () => {
    const stored = seal({
      ...GIVEN,
      list: [
        { key: 'f1rst', cert: 'a' },
        { key: 's2cond', cert: 'b' },
      ],
    });
    const kept = secrets.mask(Params, stored);
    const problems = (changes: object) => {
      try {
        seal({ ...kept, ...changes }, stored);
        return [];
      } catch (error) {
        return (error as InvalidInput).errors.map(({ pointer }) => pointer);
      }
    };
    const ALL = [
      '/params/password',
      '/params/headers',
      '/params/tls/key',
      '/params/list/0/key',
      '/params/list/1/key',
    ];

    it.each([
      [{ url: 'http://other' }, ALL],
      [{ tls: { key: { secret: true }, cert: 'another' } }, ALL],
      [{ note: 'another' }, []],
      [{ password: 'another' }, []],
      [{ url: 'http://other', password: 'p4ss', headers: { a: 'b' }, tls: { key: 'k', cert: 'public' }, list: [] }, []],
      [{ url: 'http://other', password: { secret: true }, headers: { a: 'b' }, tls: { key: 'k', cert: 'public' } }, ['/params/password', ALL[3], ALL[4]]],
      [{ list: [{ key: { secret: true }, cert: 'b' }] }, []],
      [{ list: [{ key: { secret: true }, cert: 'c' }] }, ['/params/list/0/key']],
    ])('are asked for again when they would go to others: %j', (changes, pointers) => {
      expect(problems(changes)).toEqual(pointers);
    }); // prettier-ignore

    it('say what has changed', () => {
      expect(() => seal({ ...kept, url: 'http://other' }, stored)).toThrow(
        '/params/password: must be given again: /params/url changed, and with it to whom it is given',
      );
    });

    it('stay with their item of a list, wherever it stands', () => {
      const list = [{ key: { secret: true }, cert: 'b' }];
      expect(open(seal({ ...kept, list }, stored)).params.list).toEqual([{ key: 's2cond', cert: 'b' }]);
    });
  });

  it('that can be guessed are refused, unless they stand there already', () => {
    class Weak {
      @Text({ description: 'secret', secret: true, charactersAtLeast: 8, directs: 'nothing' })
      secret: string;
    }
    const save = (secret: unknown, before?: object) =>
      secrets.seal(Weak, { secret }, '/params', before as Record<string, unknown>);
    const weak = secrets.seal(Params, { url: 'u', password: 'short' }, '').password;
    for (const secret of ['', 'x', 'seven77']) {
      expect(() => save(secret)).toThrow('/params/secret: must have at least 8 characters');
      expect(() => save(secret, { secret: weak })).toThrow('can be guessed');
    }
    for (const secret of ['eight888', { env: 'MONSCALE_PARAM_X' }]) expect(() => save(secret)).not.toThrow();
    // Of before the rule: it stays as it is, whether it is kept or given again.
    for (const secret of ['short', { secret: true }])
      expect(save(secret, { secret: weak })).toEqual({ secret: weak });
  });

  it('of two keys are opened by both, and sealed by the first', () => {
    const [old, young] = [randomBytes(32), randomBytes(32)];
    const stored = seal({ password: 'p' }, undefined, new Secrets([old]));
    const both = new Secrets([young, old]);
    expect(open(stored, both).params).toEqual({ password: 'p' });
    const anew = both.resealed(stored.password as { sealed: string });
    expect(both.resealed(anew)).toBe(anew);
    expect(open({ password: anew }, new Secrets([young])).params).toEqual({ password: 'p' });
    expect(() => new Secrets([young]).resealed(stored.password as { sealed: string })).toThrow(SecretMissing);
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
      const began = workedMs();
      maskTexts(text, ['1', 'a', 'k']);
      expect(workedMs() - began).toBeLessThan(1_000);
    });
  });
});
