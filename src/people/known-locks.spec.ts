import { KnownLocks } from './known-locks';

const [anna, bert, address] = ['anna', 'bert', 'address'].map((text) => Buffer.from(text)) as [
  Buffer,
  Buffer,
  Buffer,
];

test('what is locked is known until it ends, with what is left of it', () => {
  const locks = new KnownLocks();
  locks.learn([{ key: anna, seconds: 30 }], 1_000);
  expect([1_000, 16_500, 30_999, 31_000].map((now) => locks.secondsLeft([anna, address], now))).toEqual([
    30, 15, 1, 0,
  ]);
  expect(locks.secondsLeft([bert, address], 1_000)).toBe(0);
});

test('of an account and an address the one that is locked longer counts', () => {
  const locks = new KnownLocks();
  locks.learn([{ key: anna, seconds: 10 }, { key: address, seconds: 20 }], 0); // prettier-ignore
  expect(locks.secondsLeft([anna, address], 0)).toBe(20);
  expect(locks.secondsLeft([anna, bert], 0)).toBe(10);
});

test('PostgreSQL is asked again after a minute, and what it says then counts', () => {
  const locks = new KnownLocks();
  locks.learn([{ key: anna, seconds: 900 }], 0);
  expect([59_999, 60_000].map((now) => locks.secondsLeft([anna], now))).toEqual([841, 0]);
  locks.learn([{ key: anna, seconds: 840 }], 60_000);
  expect(locks.secondsLeft([anna], 60_000)).toBe(840);
});

test('10,000 locks are known, those that were learnt last', () => {
  const locks = new KnownLocks();
  const nth = (number: number) => Buffer.from(`account ${number}`);
  for (let number = 0; number <= 10_000; number++) locks.learn([{ key: nth(number), seconds: 60 }], 0);
  expect([0, 1, 10_000].map((number) => locks.secondsLeft([nth(number)], 0))).toEqual([0, 60, 60]);
});
