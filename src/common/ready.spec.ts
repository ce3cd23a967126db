import 'reflect-metadata';
import { Text, TextMap } from './fields';
import type { MappingRegistry } from './mapping-registry';
import { readied } from './ready';
import { Secrets } from './secrets';

class Params {
  @Text({ description: 'Who', optional: true })
  username?: string;

  @Text({ description: 'Password', secret: true, optional: true })
  password?: string;

  @TextMap({ description: 'Headers', secret: true, optional: true })
  headers?: Record<string, string>;
}

const registry = {
  get: () => ({ options: { params: Params }, strategy: {} }),
} as unknown as MappingRegistry<object>;
const ready = (params: Record<string, unknown>) =>
  readied(registry, { type: 't', params }, new Secrets(undefined));
const base64 = (text: string) => Buffer.from(text).toString('base64');

it('knows a secret as it stands in requests', () => {
  const { texts } = ready({ username: 'me', password: 'p "1' })();
  expect(texts).toEqual(expect.arrayContaining(['p "1', 'p%20%221', 'p \\"1', base64('me:p "1')]));
});

it('knows the token in a header, and the password in a Basic one', () => {
  expect(ready({ headers: { Authorization: 'Bearer 7f3a-9' } })().texts).toContain('7f3a-9');
  const { texts } = ready({ headers: { Authorization: `Basic ${base64('me:word')}` } })();
  expect(texts).toEqual(expect.arrayContaining([base64('me:word'), 'word']));
  expect(ready({ headers: { 'X-Note': 'two words' } })().texts).toEqual(
    expect.arrayContaining(['two words', 'words']),
  );
});

it('opens once what can not change, and a variable at every use', () => {
  const fixed = ready({ password: 'x' });
  expect(fixed()).toBe(fixed());
  process.env.READY_SPEC = 'one';
  const varying = ready({ password: { env: 'READY_SPEC' } });
  expect(varying().params).toEqual({ password: 'one' });
  process.env.READY_SPEC = 'two';
  expect(varying().params).toEqual({ password: 'two' });
  delete process.env.READY_SPEC;
  expect(varying).toThrow(/READY_SPEC is not set/);
});
