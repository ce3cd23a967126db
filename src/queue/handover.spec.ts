import type { Claimed } from './claimed';
import { Handover, PLACES } from './handover';

const claimed = (count: number) => Array.from({ length: count }, (_, n) => ({ id: `e-${n}` }) as Claimed);

describe('the handover', () => {
  let handover: Handover;
  let ends: (() => void)[];
  let carriedOut: string[];

  const hands = {
    worker: 'w-1',
    carryOut: ({ id }: Claimed) => {
      carriedOut.push(id);
      return new Promise<void>((resolve) => ends.push(resolve));
    },
  };
  const settled = () => new Promise(setImmediate);

  beforeEach(() => {
    handover = new Handover();
    [ends, carriedOut] = [[], []];
  });

  test('nothing begins where nobody carries out', () => {
    expect(handover.places().reserve(3)).toBeUndefined();
  });

  test('as many begin as there are places, and each that ends makes room for another', async () => {
    handover.offer(hands);
    const all = handover.places();
    expect(all.reserve(PLACES + 5)).toMatchObject({ worker: 'w-1', count: PLACES });
    expect(handover.places().reserve(1)).toMatchObject({ count: 0 });
    all.begin(claimed(PLACES));
    expect(carriedOut).toHaveLength(PLACES);
    expect(handover.places().reserve(1)).toMatchObject({ count: 0 });
    ends.pop()!();
    await settled();
    expect(handover.places().reserve(2)).toMatchObject({ count: 1 });
  });

  test('what was reserved and did not begin is given back', () => {
    handover.offer(hands);
    const places = handover.places();
    places.reserve(PLACES);
    // The transaction runs once more.
    expect(places.reserve(PLACES)).toMatchObject({ count: PLACES });
    places.begin(claimed(2));
    expect(handover.places().reserve(PLACES)).toMatchObject({ count: PLACES - 2 });
  });

  test('a decision that is not committed gives its places back', () => {
    handover.offer(hands);
    const places = handover.places();
    places.reserve(10);
    places.end();
    expect(handover.places().reserve(PLACES)).toMatchObject({ count: PLACES });
  });

  test('closed, it takes nothing more and gives back what was only reserved', async () => {
    handover.offer(hands);
    const places = handover.places();
    places.reserve(1);
    const closing = handover.close();
    expect(places.reserve(1)).toBeUndefined();
    await closing;
  });

  test('closed, it waits for what is under way or about to begin', async () => {
    handover.offer(hands);
    const places = handover.places();
    places.reserve(1);
    const seen: string[] = [];
    const closing = handover.close().then(() => seen.push('closed'));
    places.begin(claimed(1));
    places.end();
    await settled();
    expect([carriedOut, seen]).toEqual([['e-0'], []]);
    ends[0]!();
    await closing;
  });
});
