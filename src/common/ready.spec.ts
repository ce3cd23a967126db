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
const ready = (params: Record<string, unknown>) => readied(registry, { type: 't', params }, new Secrets([]));
const base64 = (text: string) => Buffer.from(text).toString('base64');

it('knows a secret as it stands in requests', () => {
  const { texts } = ready({ username: 'me', password: 'p "1' }).open();
  expect(texts).toEqual(expect.arrayContaining(['p "1', 'p%20%221', 'p \\"1', base64('me:p "1')]));
});

it('knows the token in a header, and the password in a Basic one', () => {
  expect(ready({ headers: { Authorization: 'Bearer 7f3a-9' } }).open().texts).toContain('7f3a-9');
  const { texts } = ready({ headers: { Authorization: `Basic ${base64('me:word')}` } }).open();
  expect(texts).toEqual(expect.arrayContaining([base64('me:word'), 'word']));
  expect(ready({ headers: { 'X-Note': 'two words' } }).open().texts).toEqual(
    expect.arrayContaining(['two words', 'words']),
  );
});

it('opens once what can not change, and a variable at every use', () => {
  const fixed = ready({ password: 'x' });
  expect(fixed.isFixed).toBe(true);
  expect(fixed.open()).toBe(fixed.open());
  process.env.MONSCALE_PARAM_READY_SPEC = 'one';
  const varying = ready({ password: { env: 'MONSCALE_PARAM_READY_SPEC' } });
  expect(varying.open().params).toEqual({ password: 'one' });
  process.env.MONSCALE_PARAM_READY_SPEC = 'two';
  expect(varying.open().params).toEqual({ password: 'two' });
  delete process.env.MONSCALE_PARAM_READY_SPEC;
  expect(() => varying.open()).toThrow(/READY_SPEC is not set/);
});
