import { Settling } from './settling';
import { AGAIN_MS, STALE_MS, turnOf, type Facts } from './turn';

const facts = (changes: Partial<Facts>): Facts => ({
  hash: 'new',
  applied: 'old',
  failed: null,
  superseded: [],
  hasChanged: false,
  isOpen: false,
  attemptedMs: Infinity,
  ...changes,
});

test.each<[string, Partial<Facts>, string]>([
  ['files that nobody has applied', { applied: null }, 'apply'],
  ['files that have changed', {}, 'apply'],
  ['files that are applied', { hash: 'old' }, 'rest'],
  ['applied ones, after others were wrong', { hash: 'old', failed: 'bad' }, 'apply'],
  ['wrong ones, just told', { failed: 'new', attemptedMs: AGAIN_MS - 1 }, 'rest'],
  [
    'wrong ones, a minute later: what they name may be there',
    { failed: 'new', attemptedMs: AGAIN_MS },
    'apply',
  ],
  ['applied ones that left something in use', { hash: 'old', isOpen: true, attemptedMs: AGAIN_MS }, 'again'],
  ['the same, just looked at', { hash: 'old', isOpen: true, attemptedMs: AGAIN_MS - 1 }, 'rest'],
  ['those of a mount that is behind', { superseded: [{ hash: 'new', agoMs: STALE_MS - 1 }] }, 'wait'],
  ['those, long after', { superseded: [{ hash: 'new', agoMs: STALE_MS }] }, 'apply'],
  [
    'those, where they were seen to come back',
    { superseded: [{ hash: 'new', agoMs: 1 }], hasChanged: true },
    'apply',
  ],
])('%s', (_, changes, turn) => {
  expect(turnOf(facts(changes))).toBe(turn);
});

test('files are settled when they have been the same for two seconds', () => {
  const settling = new Settling();
  const seen: [number, string][] = [[0, 'a'], [1_000, 'a'], [1_999, 'a'], [2_000, 'b'], [3_000, 'b'], [4_000, 'b'], [4_100, 'a'], [6_100, 'a']]; // prettier-ignore
  expect(seen.filter(([ms, hash]) => settling.isSettled(hash, ms)).map(([ms]) => ms)).toEqual([4_000, 6_100]);
  expect(settling.hasChanged).toBe(true);
});

test('the first look is no change', () => {
  const settling = new Settling();
  settling.isSettled('a', 0);
  expect(settling.hasChanged).toBe(false);
});
