import { FailingAddresses } from './failing-addresses';

const MINUTE = 60_000;

test('an address is in the lane `first` until it fails, and again five minutes later', () => {
  const addresses = new FailingAddresses();
  const comes = (now: number, hasFailed = false, address = '192.0.2.1') => {
    const lane = addresses.began(address, now);
    addresses.ended(address, hasFailed, now);
    return lane;
  };
  expect([comes(0), comes(1, true), comes(2), comes(MINUTE, true)]).toEqual([
    'first',
    'first',
    'later',
    'later',
  ]);
  expect(comes(2, false, '192.0.2.2')).toBe('first');
  expect([comes(6 * MINUTE - 1), comes(6 * MINUTE)]).toEqual(['later', 'first']);
});

test('a network of IPv6 addresses is one', () => {
  const addresses = new FailingAddresses();
  addresses.began('2001:db8:1:2::1', 0);
  addresses.ended('2001:db8:1:2::1', true, 0);
  expect(addresses.began('2001:db8:1:2:3:4:5:6', 1)).toBe('later');
  expect(addresses.began('2001:db8:1:3::1', 1)).toBe('first');
});

test('of one address that sends many at once only some are in the lane `first`', () => {
  const addresses = new FailingAddresses();
  const lanes = Array.from({ length: 20 }, () => addresses.began('192.0.2.1', 0));
  expect(lanes.filter((lane) => lane === 'first')).toHaveLength(16);
  for (let ended = 0; ended < 20; ended++) addresses.ended('192.0.2.1', false, 1);
  expect(addresses.began('192.0.2.1', 2)).toBe('first');
});

test('10,000 addresses are remembered, those that were heard last', () => {
  const addresses = new FailingAddresses();
  const nth = (number: number) => `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`;
  for (let number = 0; number < 10_001; number++) {
    addresses.began(nth(number), 0);
    addresses.ended(nth(number), true, 0);
  }
  expect(addresses.began(nth(10_000), 1)).toBe('later');
  expect(addresses.began(nth(1), 1)).toBe('later');
  expect(addresses.began(nth(0), 1)).toBe('first');
});
