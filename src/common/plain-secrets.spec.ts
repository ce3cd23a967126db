import { isPlainSecret } from './plain-secrets';

test.each<[string, unknown, boolean]>([
  ['a password', 'hunter2', true],
  ['an address with a password', 'redis://:hunter2@db:6379/0', true],
  ['an address with a user', 'postgres://anna@db/shop', true],
  ['a password in a query', 'postgres://db/shop?password=hunter2', true],
  ['an address that lets whoever knows it write', 'https://hooks.example/T0/B0/x', true],
  ['a header of a credential', { Accept: 'text/plain', Authorization: 'Bearer x' }, true],
  ['a list with a community', ['public', 'hush'], true],
  ['an address without a password', 'redis://db:6379/0', false],
  ['a header that says a format', { Accept: 'text/plain' }, false],
  ['a credential that is a reference', { Authorization: { env: 'MONSCALE_PARAM_X' } }, false],
  ['the public community', 'public', false],
  ['a list of the public community', ['public'], false],
])('%s', (_, value, isPlain) => {
  expect(isPlainSecret(value)).toBe(isPlain);
});
