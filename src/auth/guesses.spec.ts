import { Guesses, networkOf } from './guesses';

const fail = (guesses: Guesses, times: number, address = '10.0.0.1', now = 0) => {
  for (let time = 0; time < times; time++) guesses.failed(address, now);
};

test('mistakes cost nothing; more of them cost a delay that doubles, up to a minute', () => {
  const guesses = new Guesses();
  fail(guesses, 19);
  expect(guesses.waitSeconds('10.0.0.1', 0)).toBe(0);
  const waits = Array.from({ length: 9 }, () => {
    fail(guesses, 1);
    return guesses.waitSeconds('10.0.0.1', 0);
  });
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
  expect(guesses.waitSeconds('10.0.0.1', 60_000)).toBe(0);
  expect(guesses.waitSeconds('10.0.0.2', 0)).toBe(0);
});

test('it is forgotten after ten minutes without one', () => {
  const guesses = new Guesses();
  fail(guesses, 30);
  fail(guesses, 1, '10.0.0.1', 600_001);
  expect(guesses.waitSeconds('10.0.0.1', 600_001)).toBe(0);
});

test('no more addresses are remembered than there is room for, the latest of them', () => {
  const guesses = new Guesses();
  fail(guesses, 20, '192.0.2.1');
  for (let index = 0; index < 10_000; index++) guesses.failed(`10.1.${index >> 8}.${index & 255}`, 0);
  expect(guesses.waitSeconds('192.0.2.1', 0)).toBe(0);
  expect(guesses['guessers'].size).toBe(10_000);
});

test.each([
  ['10.0.0.1', '10.0.0.1'],
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['2001:db8:1:2:aaaa::1', '2001:db8:1:2'],
  ['2001:db8:1:2:bbbb:cccc:dddd:eeee', '2001:db8:1:2'],
  ['2001:0db8:0001:0002::', '2001:db8:1:2'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  ['::1', '0:0:0:0'],
  ['', ''],
])('the network of %s is %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});
