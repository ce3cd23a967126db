import { canonical, ipv4AddressesIn, isIn, networkProblem } from './addresses';

test.each([
  ['10.0.0.0/8', '10.255.0.1', true],
  ['10.0.0.0/8', '11.0.0.1', false],
  ['10.1.2.3/32', '10.1.2.3', true],
  ['0.0.0.0/0', '192.0.2.1', true],
  ['0.0.0.0/0', '2001:db8::1', false],
  ['2001:db8::/32', '2001:db8:7::1', true],
  ['2001:db8::/32', 'fe80::1', false],
  ['fe80::/10', 'fe80::1%eth0', false],
  ['10.0.0.0/8', 'web-1', false],
])('of the network %s, is %s in it? %s', (network, address, expected) => {
  expect(networkProblem(network)).toBeUndefined();
  expect(isIn(network, address)).toBe(expected);
});

test.each([
  '',
  '10.0.0.0',
  '10.0.0.0/33',
  '10.0.0/8',
  '10.0.0.0/8/8',
  'web/8',
  '2001:db8::/129',
  '10.0.0.0/',
])('%j is no network', (text) => {
  expect(networkProblem(text)).toMatch(/^must be a network/);
});

test.each([
  ['2001:DB8:0::1', '2001:db8::1'],
  ['::ffff:10.0.0.1', '::ffff:a00:1'],
  ['10.0.0.1', '10.0.0.1'],
  ['web-1', 'web-1'],
])('%s is spelt %s', (address, spelt) => {
  expect(canonical(address)).toBe(spelt);
});

test.each([
  ['::ffff:169.254.169.254', ['169.254.169.254']],
  ['::ffff:a9fe:1', ['169.254.0.1']],
  ['::FFFF:a9fe:0', ['169.254.0.0']],
  ['::ffff:0:169.254.169.254', ['169.254.169.254']],
  ['64:ff9b::a9fe:a9fe', ['169.254.169.254']],
  ['::a00:1%eth0', ['10.0.0.1']],
  ['2002:a9fe:a9fe::1', ['169.254.169.254']],
  ['2002:a9fe:a9fe:1:2:3:4:5', ['169.254.169.254']],
  ['2001:0:a9fe:a9fe:8000:1:5601:5601', ['169.254.169.254', '169.254.169.254']],
  ['2001::8000:1:5601:5601', ['0.0.0.0', '169.254.169.254']],
  ['fd00::5efe:169.254.169.254', ['169.254.169.254']],
  ['2001:db8::200:5efe:a9fe:a9fe', ['169.254.169.254']],
  ['2001:db8::a9fe:a9fe', []],
  ['169.254.169.254', []],
  ['web-1', []],
])('%s leads to the IPv4 addresses %j', (address, embedded) => {
  expect(ipv4AddressesIn(address)).toEqual(embedded);
});

test.each([
  '64:ff9b:1:a9fe:a9:fe00::',
  '64:ff9b:1:ff:a9:fea9:fe00:0',
  '64:ff9b:1:2:a9:fea9:fe00:0',
  '64:ff9b:1::a9fe:a9fe',
])('a network may lead %s to 169.254.169.254', (address) =>
  expect(ipv4AddressesIn(address)).toContain('169.254.169.254'),
);
