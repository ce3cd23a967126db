import type { ClaimedExecution } from './claimed-execution';
import { LocalDispatch, SLOTS } from './local-dispatch';

const claimed = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ id: `e-${n}` }) as ClaimedExecution);

describe('local dispatch', () => {
  let dispatch: LocalDispatch;
  let ends: (() => void)[];
  let carriedOut: string[];

  const executor = {
    worker: 'w-1',
    notBegun: () => undefined,
    execute: ({ id }: ClaimedExecution) => {
      carriedOut.push(id);
      return new Promise<void>((resolve) => ends.push(resolve));
    },
  };
  const settled = () => new Promise(setImmediate);

  beforeEach(() => {
    dispatch = new LocalDispatch();
    [ends, carriedOut] = [[], []];
  });

  test('nothing begins where nobody carries out', () => {
    expect(dispatch.places().reserve(3)).toBeUndefined();
  });

  test('as many begin as there are places, and each that ends makes room for another', async () => {
    dispatch.offer(executor);
    const all = dispatch.places();
    expect(all.reserve(SLOTS + 5)).toMatchObject({ worker: 'w-1', count: SLOTS });
    expect(dispatch.places().reserve(1)).toMatchObject({ count: 0 });
    all.begin(claimed(SLOTS));
    expect(carriedOut).toHaveLength(SLOTS);
    expect(dispatch.places().reserve(1)).toMatchObject({ count: 0 });
    ends.pop()!();
    await settled();
    expect(dispatch.places().reserve(2)).toMatchObject({ count: 1 });
  });

  test('what was reserved and did not begin is given back', () => {
    dispatch.offer(executor);
    const places = dispatch.places();
    places.reserve(SLOTS);
    // The transaction runs once more.
    expect(places.reserve(SLOTS)).toMatchObject({ count: SLOTS });
    places.begin(claimed(2));
    expect(dispatch.places().reserve(SLOTS)).toMatchObject({ count: SLOTS - 2 });
  });

  test('a decision that is not committed gives its places back', () => {
    dispatch.offer(executor);
    const places = dispatch.places();
    places.reserve(10);
    places.end();
    expect(dispatch.places().reserve(SLOTS)).toMatchObject({ count: SLOTS });
  });

  test('closed, it takes nothing more and gives back what was only reserved', async () => {
    dispatch.offer(executor);
    const places = dispatch.places();
    places.reserve(1);
    const closing = dispatch.close();
    expect(places.reserve(1)).toBeUndefined();
    await closing;
  });

  test('closed, it waits for what is under way or about to begin', async () => {
    dispatch.offer(executor);
    const places = dispatch.places();
    places.reserve(1);
    const seen: string[] = [];
    const closing = dispatch.close().then(() => seen.push('closed'));
    places.begin(claimed(1));
    places.end();
    await settled();
    expect([carriedOut, seen]).toEqual([['e-0'], []]);
    ends[0]!();
    await closing;
  });
});
