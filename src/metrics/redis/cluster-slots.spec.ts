import fc from 'fast-check';
import { checkedSlots } from './cluster-slots';

const node = (port: number): unknown[] => ['10.0.0.1', port, 'id', []];

test.each([
  [[]],
  [[[0, 16_383, node(1), node(2)]]],
  [
    [
      [0, 0, node(1)],
      [1, 16_383, [null, 7]],
    ],
  ],
  [Array.from({ length: 16_384 }, (_, slot) => [slot, slot, node(slot % 1_000)])],
])('%j is a Cluster', (reply) => {
  expect(checkedSlots(reply)).toBe(reply);
});

test.each([
  ['OK'], [null], [7], [['a']], [[[0]]], [[[0, 16_384]]], [[[-1, 0]]], [[[5, 4]]], [[[0.5, 4]]], [[['0', '4']]],
  [[[0, 2e9, node(1)]]], [[[0, 16_383, node(1)], [0, 0, node(1)]]], [[[0, 1, 'a']]], [[[0, 1, null]]], [[[0, 1, [7, 7]]]],
  [[[0, 1, ['a', 70_000]]]], [[[0, 1, ['a', '7']]]], [[[0, 1, ...Array.from({ length: 1_001 }, (_, n) => node(n))]]],
])('%j is none', (reply) => {
  expect(() => checkedSlots(reply)).toThrow('nonsense');
}); // prettier-ignore

test('whatever it is, it is a Cluster or it is refused', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (reply) => {
      try {
        expect(checkedSlots(reply)).toBe(reply);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
        expect((error as Error).message).toMatch(/nonsense/);
      }
    }),
  );
});
