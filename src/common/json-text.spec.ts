import fc from 'fast-check';
import { HELD_UP_MS, loopDelayMs } from '../../test/loop-delay';
import { hasList, jsonInTurns, jsonParts } from './json-text';

const anything = fc.oneof(
  fc.jsonValue(),
  fc.constant(undefined),
  fc.date({ noInvalidDate: true }),
  fc.constant(() => undefined),
);

test('an object with lists is written as the engine writes it', async () => {
  const lists = fc.dictionary(fc.string(), fc.array(anything));
  await fc.assert(
    fc.asyncProperty(fc.dictionary(fc.string(), anything), lists, async (some, more) => {
      const value = { ...some, ...more };
      expect(await jsonInTurns(value)).toBe(JSON.stringify(value));
    }),
  );
});

test('a list is written as the engine writes it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anything), async (items) => {
      expect(await jsonInTurns(items)).toBe(JSON.stringify(items));
    }),
  );
});

test.each([
  [{ items: [1, 2] }, true],
  [[1, 2], true],
  [{ items: [1] }, false],
  [[], false],
  [{ name: 'a' }, false],
  ['text', false],
  [null, false],
  [new Date(), false],
  [{ items: [1, 2], toJSON: () => 'other' }, false],
])('%j: has a list that may be long: %s', (value, expected) => {
  expect(hasList(value)).toBe(expected);
});

test.each([
  ['500 of 100 kB', 500, 20_000],
  ['12 of 1 MB', 12, 300_000],
  ['200,000 small ones', 200_000, 0],
])('a page of %s holds up nobody', async (_, count, characters) => {
  const item = { name: 'a', body: 'ä"\n'.repeat(characters / 3), list: [{ a: 1 }] };
  const page = { items: Array.from({ length: count }, () => item), nextCursor: 'x' };
  let length = 0;
  const delay = await loopDelayMs(async () => {
    for await (const part of jsonParts(page)) length += part.length;
  });
  expect(length).toBeGreaterThan(count * characters);
  expect(delay).toBeLessThan(HELD_UP_MS);
});
