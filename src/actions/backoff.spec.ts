import { backoffMs } from './backoff';

const retry = { attempts: 5, backoffSeconds: 2, maxBackoffSeconds: 10 };

test.each([
  [1, 2_000],
  [2, 4_000],
  [3, 8_000],
  [4, 10_000],
  [60, 10_000],
])('after try %d it waits %d ms', (tries, ms) => {
  expect(backoffMs(retry, tries, undefined, 0)).toBe(ms);
});

test('jitter adds up to a quarter', () => {
  expect(backoffMs(retry, 1, undefined, 1)).toBe(2_500);
});

test("a target's Retry-After is respected, also beyond the maximum", () => {
  expect(backoffMs(retry, 1, 60, 0)).toBe(60_000);
  expect(backoffMs(retry, 4, 1, 0)).toBe(10_000);
});
