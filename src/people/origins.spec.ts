import type { IncomingMessage } from 'node:http';
import fc from 'fast-check';
import { trustProxies } from '../auth/client-address';
import { isSecure, originOf, refuseKnownOtherSites, refuseOtherSites } from './origins';

const request = (headers: Record<string, string>, method = 'POST', remoteAddress = '203.0.113.9') =>
  ({
    headers: { host: 'monscale.example', ...headers },
    method,
    socket: { remoteAddress },
  }) as unknown as IncomingMessage;

const isTaken = (check: () => void): boolean => {
  try {
    check();
    return true;
  } catch {
    return false;
  }
};

afterEach(() => trustProxies([]));

test.each([
  ['plain HTTP', { host: 'monscale.example:8080' }, 'http://monscale.example:8080'],
  ['the default port', { host: 'Monscale.Example:80' }, 'http://monscale.example'],
  ['what nobody is believed to say', { 'x-forwarded-proto': 'https' }, 'http://monscale.example'],
  ['IPv6', { host: '[::1]:8080' }, 'http://[::1]:8080'],
  ['a host that is none', { host: 'a b' }, undefined],
  ['a host with a path', { host: 'monscale.example/evil' }, undefined],
  ['a host with a user', { host: 'us@evil.example' }, undefined],
])('the origin of %s', (_, headers, origin) => {
  expect(originOf(request(headers))).toBe(origin);
});

test.each([
  [{ 'x-forwarded-proto': 'https' }, 'https://monscale.example'],
  [{ 'x-forwarded-proto': 'https, http', 'x-forwarded-host': 'a.example, b.example' }, 'https://a.example'],
  [{ 'x-forwarded-proto': 'javascript' }, undefined],
])('a trusted proxy says %j', (headers, origin) => {
  trustProxies(['10.0.0.1']);
  expect(originOf(request(headers, 'GET', '10.0.0.1'))).toBe(origin);
  expect(originOf(request(headers, 'GET', '10.0.0.2'))).toBe('http://monscale.example');
});

test('cookies go over TLS alone, but where people are meant to come over plain HTTP', () => {
  const secure = (host: string, publicUrl?: string) => isSecure(request({ host }), publicUrl);
  for (const host of ['localhost:8080', '127.0.0.1', '127.1.2.3:80', '[::1]:8080', 'a.localhost'])
    expect(secure(host)).toBe(false);
  for (const host of [
    'monscale.example',
    '10.0.0.1',
    'localhost.example',
    '127.0.0.1.example',
    'xlocalhost',
    'a b',
  ])
    expect(secure(host)).toBe(true);
  expect(secure('localhost', 'https://monscale.example')).toBe(true);
  expect(secure('monscale.example', 'http://monscale.example')).toBe(false);
});

test('what is safe is taken from anywhere', () => {
  for (const method of ['GET', 'HEAD', 'OPTIONS'])
    expect(() =>
      refuseOtherSites(request({ 'sec-fetch-site': 'cross-site' }, method), undefined),
    ).not.toThrow();
});

test('the origin of the public URL is ours as well as the one that was asked', () => {
  const taken = (origin: string) =>
    isTaken(() => refuseOtherSites(request({ origin }, 'PATCH'), 'https://people.example/'));
  expect(['https://people.example', 'http://monscale.example'].map(taken)).toEqual([true, true]);
  expect(
    ['http://people.example', 'https://monscale.example', 'https://people.example.evil'].map(taken),
  ).toEqual([false, false, false]);
});

test('of whatever is said, only our own origin is taken, and nothing is not', () => {
  const sites = fc.constantFrom(
    undefined,
    'same-origin',
    'same-site',
    'cross-site',
    'none',
    'SAME-ORIGIN',
    '',
  );
  const origins = fc.oneof(fc.constantFrom(undefined, 'http://monscale.example', 'null', ''), fc.webUrl());
  const methods = fc.constantFrom('POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND');
  fc.assert(
    fc.property(sites, origins, methods, (site, origin, method) => {
      const headers = {
        ...(site === undefined ? {} : { 'sec-fetch-site': site }),
        ...(origin === undefined ? {} : { origin }),
      };
      const isOurs = site === undefined ? origin === 'http://monscale.example' : site === 'same-origin';
      const isSilent = site === undefined && origin === undefined;
      const given = request(headers, method);
      expect(isTaken(() => refuseOtherSites(given, undefined))).toBe(isOurs);
      expect(isTaken(() => refuseKnownOtherSites(given, undefined))).toBe(isOurs || isSilent);
    }),
  );
});

test.each([
  ['application/json', true],
  ['application/merge-patch+json; charset=utf-8', true],
  ['application/yaml', true],
  ['text/plain', false],
  ['TEXT/PLAIN;charset=utf-8', false],
  ['multipart/form-data; boundary=x', false],
  ['application/x-www-form-urlencoded', false],
  ['', false],
])('a body of type %j from our own page: %s', (type, taken) => {
  const headers = { 'sec-fetch-site': 'same-origin', 'content-type': type };
  const lengths: Record<string, string>[] = [{ 'content-length': '2' }, { 'transfer-encoding': 'chunked' }];
  for (const length of lengths)
    expect(isTaken(() => refuseOtherSites(request({ ...headers, ...length }), undefined))).toBe(taken);
  expect(isTaken(() => refuseOtherSites(request(headers), undefined))).toBe(true);
});
