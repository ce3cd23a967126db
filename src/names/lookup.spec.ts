import dns, { type LookupOptions } from 'node:dns';
import { installLookup, lookup } from './lookup';

const lookUp = (name: string, options: LookupOptions = {}): Promise<unknown> =>
  new Promise((resolve, reject) => {
    lookup(name, options, (error, ...found) => (error ? reject(error) : resolve(found)));
  });

test.each<[string, LookupOptions, unknown[]]>([
  ['localhost', {}, ['127.0.0.1', 4]],
  ['LocalHost', { family: 4 }, ['127.0.0.1', 4]],
  ['db.localhost', { family: 6 }, ['::1', 6]],
  ['db.localhost', { family: 'IPv6', order: 'ipv4first' }, ['::1', 6]],
  ['db.localhost.', { order: 'ipv6first' }, ['::1', 6]],
  ['10.0.0.7', {}, ['10.0.0.7', 4]],
  ['::1', {}, ['::1', 6]],
  // As the C library reads them.
  ['127.1', {}, ['127.0.0.1', 4]],
  ['0x7f000001', {}, ['127.0.0.1', 4]],
])('%s with %j is %j', async (name, options, expected) => {
  await expect(lookUp(name, options)).resolves.toEqual(expected);
});

test('all of them are given where all are wanted, to change as one likes', async () => {
  const [all] = (await lookUp('db.localhost', { all: true })) as [dns.LookupAddress[]];
  expect(all).toEqual([
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 },
  ]);
  all[0]!.address = '10.0.0.1';
  await expect(lookUp('db.localhost')).resolves.toEqual(['127.0.0.1', 4]);
});

test('a name that nobody knows fails as Node has it', async () => {
  await expect(lookUp('nowhere.invalid')).rejects.toMatchObject({
    code: 'ENOTFOUND',
    syscall: 'getaddrinfo',
    hostname: 'nowhere.invalid',
    message: 'getaddrinfo ENOTFOUND nowhere.invalid',
  });
});

test('once installed, libraries look names up by it, in each of the forms of the call', async () => {
  installLookup();
  const plain = await new Promise((resolve) => dns.lookup('db.localhost', (...given) => resolve(given)));
  expect(plain).toEqual([null, '127.0.0.1', 4]);
  const byFamily = await new Promise((resolve) =>
    dns.lookup('db.localhost', 6, (...given) => resolve(given)),
  );
  expect(byFamily).toEqual([null, '::1', 6]);
});
