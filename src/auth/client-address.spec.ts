import type { IncomingMessage } from 'node:http';
import fc from 'fast-check';
import { clientAddress, trustProxies } from './client-address';

const from = (remoteAddress: string, forwarded?: string) =>
  clientAddress({
    socket: { remoteAddress },
    headers: { 'x-forwarded-for': forwarded },
  } as unknown as IncomingMessage);

afterEach(() => trustProxies([]));

test('nobody is believed who names another, by default', () => {
  expect(from('203.0.113.9', '10.0.0.1')).toBe('203.0.113.9');
  expect(from('127.0.0.1', '10.0.0.1')).toBe('127.0.0.1');
  expect(from('::ffff:10.0.0.5', '10.0.0.1')).toBe('10.0.0.5');
});

describe('of a trusted proxy', () => {
  beforeEach(() => trustProxies(['10.0.0.0/8', '192.0.2.1', '2001:db8::/32']));

  test.each([
    ['10.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['::ffff:10.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['192.0.2.1', '203.0.113.9', '203.0.113.9'],
    ['2001:db8::7', '2a00::1', '2a00::1'],
    ['10.0.0.1', '203.0.113.9:4711', '203.0.113.9'],
    ['10.0.0.1', '[2a00::1]:4711', '2a00::1'],
    ['10.0.0.1', '[2a00::1]', '2a00::1'],
    ['10.0.0.1', '203.0.113.9, 10.1.1.1,  192.0.2.1', '203.0.113.9'],
  ])('%s that forwards %s, the request is from %s', (proxy, forwarded, client) => {
    expect(from(proxy, forwarded)).toBe(client);
  });

  test.each([
    ['what stands before the client anybody may have written', '1.1.1.1, 203.0.113.9', '203.0.113.9'],
    ['however it looks', '10.9.9.9, 203.0.113.9', '203.0.113.9'],
    ['what is no address ends it', '203.0.113.9, unknown', '10.0.0.1'],
    ['nor is a name', 'client.example', '10.0.0.1'],
    ['nor nothing', '', '10.0.0.1'],
    ['nor a zone', 'fe80::1%eth0', '10.0.0.1'],
    ['one of its own is the proxy itself', '10.2.2.2', '10.2.2.2'],
    ['of very many only the last are looked at', `${'1.1.1.1,'.repeat(9_000)}203.0.113.9`, '203.0.113.9'],
    ['also where all of them are trusted', `203.0.113.9,${'10.1.1.1,'.repeat(9_000)}10.3.3.3`, '10.1.1.1'],
  ])('%s', (_, forwarded, client) => expect(from('10.0.0.1', forwarded)).toBe(client));

  test('it is whom the first of our proxies saw, whatever was written before', () => {
    const proxy = fc.oneof(fc.ipV4().map((one) => one.replace(/^\d+/, '10')), fc.constant('192.0.2.1'), fc.constant('2001:db8::7'));
    const client = fc.constantFrom('203.0.113.9', '2a00::1', '11.0.0.1');
    fc.assert(
      fc.property(fc.string(), client, fc.array(proxy, { maxLength: 8 }), proxy, (written, seen, others, last) => {
        expect(from(last, [written, seen, ...others].join(', '))).toBe(seen);
      }),
    );
  }); // prettier-ignore

  test('addresses are known in each of their spellings', () => {
    expect(from('::ffff:0a00:0001', '203.0.113.9')).toBe('203.0.113.9');
    expect(from('2001:DB8:0:0::7', '203.0.113.9')).toBe('203.0.113.9');
    expect(from('10.0.0.1', '203.0.113.9, ::ffff:10.2.2.2, 2001:0db8::1')).toBe('203.0.113.9');
    // As a connection on a link has it.
    expect(from('fe80::1%eth0', '203.0.113.9')).toBe('fe80::1%eth0');
    trustProxies(['fe80::/10', '::ffff:10.0.0.0/104']);
    expect(from('fe80::1%eth0', '203.0.113.9')).toBe('203.0.113.9');
    expect(from('10.7.7.7', '203.0.113.9')).toBe('203.0.113.9');
  });

  test('whoever else says something is not asked', () => {
    expect(from('192.0.2.2', '203.0.113.9')).toBe('192.0.2.2');
    expect(from('11.0.0.1', '203.0.113.9')).toBe('11.0.0.1');
  });
});
