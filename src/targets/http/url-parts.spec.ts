import { isUrl, partsOf } from './url-parts';

it.each([
  ['http://hooks.example.com', 'http:', 'hooks.example.com', '', '/'],
  ['HTTPS://Hooks.Example.com:8443/a b?c=d#e', 'https:', 'hooks.example.com', '8443', '/a%20b?c=d'],
  ['https://hooks.example.com:443/?', 'https:', 'hooks.example.com', '', '/'],
  ['http://[2001:DB8:0::1]:81/x', 'http:', '2001:db8::1', '81', '/x'],
  ['http://0x7f.1/x', 'http:', '127.0.0.1', '', '/x'],
])('%s is connected to as the URL says', (url, protocol, hostname, port, path) => {
  for (const _ of ['first', 'again']) {
    expect(isUrl(url)).toBe(true);
    expect(partsOf(url)).toEqual({
      protocol,
      at: { hostname, port },
      path,
      hostname: new URL(url).hostname,
      host: new URL(url).host,
      hasCredentials: false,
    });
  }
});

it.each(['http://u:p@h/', 'http://u@h/', 'http://:p@h/'])('%s has credentials', (url) => {
  expect(partsOf(url).hasCredentials).toBe(true);
});

it.each(['', 'h', 'http://', 'http://h:99999', 'https://[bad/'])(
  '%j is none, however often it is asked for',
  (url) => {
    for (const _ of ['first', 'again']) {
      expect(isUrl(url)).toBe(false);
      expect(() => partsOf(url)).toThrow('Invalid URL');
    }
  },
);

it('each of more URLs than are remembered, and a long one, has its own parts', () => {
  const urls = Array.from({ length: 2_000 }, (_, n) => `http://h/${n}${n % 7 === 0 ? 'x'.repeat(600) : ''}`);
  for (const url of [...urls, ...urls]) expect(`http://h${partsOf(url).path}`).toBe(url);
});
