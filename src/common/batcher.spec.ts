import { Batcher } from './batcher';

test('what is asked for at once goes together, and everybody gets their own answer', async () => {
  const batches: number[][] = [];
  const batcher = new Batcher(async (items: number[]) => {
    batches.push(items);
    return items.map((item) => item * 10);
  });
  expect(await Promise.all([1, 2, 3].map((item) => batcher.add(item)))).toEqual([10, 20, 30]);
  expect(await batcher.add(4)).toBe(40);
  expect(batches).toEqual([[1, 2, 3], [4]]);
});

test('what comes while a batch is under way goes into the next one, bounded', async () => {
  const batches: number[][] = [];
  const batcher = new Batcher(
    async (items: number[]) => {
      batches.push(items);
      await new Promise((resolve) => setTimeout(resolve, 10));
      return items;
    },
    { maxItems: 2 },
  );
  const first = batcher.add(0);
  await new Promise((resolve) => setTimeout(resolve, 5));
  await Promise.all([first, ...[1, 2, 3].map((item) => batcher.add(item))]);
  expect(batches).toEqual([[0], [1, 2], [3]]);
});

test('a batch that fails fails its callers, and the next one goes on', async () => {
  let fails = true;
  const batcher = new Batcher(async (items: number[]) => {
    if (fails) throw new Error('PostgreSQL is away');
    return items;
  });
  await expect(Promise.all([batcher.add(1), batcher.add(2)])).rejects.toThrow('away');
  fails = false;
  expect(await batcher.add(3)).toBe(3);
});

test('light work waits for the batch under way, heavy work begins beside it, and so does all when that is stuck', async () => {
  const batches: number[][] = [];
  const ends: (() => void)[] = [];
  const batcher = new Batcher(
    async (items: number[]) => {
      batches.push(items);
      await new Promise<void>((resolve) => ends.push(resolve));
      return items;
    },
    { atOnce: 2, heavyFrom: 10, weightOf: (item) => item },
  );
  const turn = async (ms = 0) => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    // A timer may come before the turn in which a batch begins.
    await new Promise(setImmediate);
  };
  const all = [batcher.add(1)];
  await turn();
  all.push(batcher.add(2), batcher.add(3));
  await turn();
  expect(batches).toEqual([[1]]);
  all.push(batcher.add(6));
  await turn();
  expect(batches).toEqual([[1], [2, 3, 6]]);
  all.push(batcher.add(20));
  await turn();
  expect(batches).toHaveLength(2);
  ends[0]!();
  await turn();
  expect(batches).toEqual([[1], [2, 3, 6], [20]]);
  ends[1]!();
  await turn(60);
  all.push(batcher.add(4));
  await turn();
  expect(batches.at(-1)).toEqual([4]);
  for (const end of ends) end();
  expect(await Promise.all(all)).toEqual([1, 2, 3, 6, 20, 4]);
});
