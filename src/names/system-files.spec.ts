import { completed, hasOtherSources, hostsIn, searchRulesIn } from './system-files';

test('a hosts file gives names their addresses, in its order', () => {
  const hosts = hostsIn(
    '127.0.0.1 localhost\n# 10.0.0.9 gone\n10.0.0.1\tWeb-1 web-1.example # the first\n::1 localhost\nnonsense here\n',
  );
  expect(hosts.get('localhost')).toEqual(['127.0.0.1', '::1']);
  expect(hosts.get('web-1')).toEqual(['10.0.0.1']);
  expect(hosts.get('web-1.example')).toEqual(['10.0.0.1']);
  expect([...hosts.keys()]).toEqual(['localhost', 'web-1', 'web-1.example']);
  expect(hosts.get('constructor')).toBeUndefined();
});

test.each([
  ['', { domains: [], ndots: 1 }],
  ['domain example.com', { domains: ['example.com'], ndots: 1 }],
  [
    'search a.svc svc. \nsearch b.svc\noptions ndots:5 timeout:1\nnameserver 10.0.0.1',
    { domains: ['b.svc'], ndots: 5 },
  ],
  ['options ndots:99', { domains: [], ndots: 15 }],
  ['options ndots:many\n; search c', { domains: [], ndots: 1 }],
])('resolv.conf %j completes names by %j', (text, rules) => {
  expect(searchRulesIn(text)).toEqual(rules);
});

test.each([
  ['web', 1, ['web.a', 'web.b', 'web']],
  ['web.example', 1, ['web.example', 'web.example.a', 'web.example.b']],
  ['redis.default', 5, ['redis.default.a', 'redis.default.b', 'redis.default']],
  ['web.', 1, ['web']],
])('%s with ndots %i is asked for as %j', (name, ndots, asked) => {
  expect(completed(name, { domains: ['a', 'b'], ndots })).toEqual(asked);
});

test.each([
  ['hosts: files dns', false],
  ['hosts: files mdns4_minimal [NOTFOUND=return] dns', true],
  ['hosts: files dns myhostname # here', true],
  ['passwd: files systemd\nhosts:          files dns', false],
  ['hosts: files [!UNAVAIL=return] dns', false],
  ['', false],
])('the system knows names from elsewhere by %j: %s', (nsswitch, other) => {
  expect(hasOtherSources(nsswitch)).toBe(other);
});
