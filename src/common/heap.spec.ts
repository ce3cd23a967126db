import { getHeapStatistics } from 'node:v8';
import { collectGarbage, QuietHeap } from './heap';

const MB = 1024 * 1024;
const QUIET = 0.01;
const BUSY = 0.4;
const BURST = 1.2;

/** Returns the numbers of the looks at which the heap is given back, which takes that much CPU time and leaves 60 MB. */
function given(looks: readonly (readonly [cores: number, megabytes: number])[], cpuMs = 50): number[] {
  const heap = new QuietHeap();
  return looks.flatMap(([cores, megabytes], index) => {
    if (!heap.look(cores, megabytes * MB)) return [];
    heap.noteGivenBack(cpuMs, 60 * MB);
    return [index];
  });
}

const times = (count: number, cores: number, megabytes: number) =>
  Array.from({ length: count }, () => [cores, megabytes] as const);

describe('a heap is given back', () => {
  it('once after the start, when the process is quiet', () => {
    expect(given(times(40, QUIET, 80))).toEqual([1]);
  });

  it('not while the process works, and not in a pause of one look', () => {
    expect(given(times(20, BUSY, 300))).toEqual([]);
    expect(given(Array.from({ length: 20 }, (_, index) => [index % 2 ? QUIET : BUSY, 300] as const))).toEqual(
      [],
    );
  });

  it('after each burst from which the heap grew', () => {
    const burst = [...times(3, BURST, 300), ...times(5, QUIET, 300)];
    expect(given([...times(4, QUIET, 100), ...burst, ...burst])).toEqual([1, 8, 16]);
  });

  it('twice a minute at most after bursts', () => {
    const burst = [...times(1, BURST, 300), ...times(2, QUIET, 300)];
    expect(given(Array.from({ length: 6 }, () => burst).flat())).toEqual([2, 8, 14]);
  });

  it('not for a few MB', () => {
    expect(given([...times(2, QUIET, 90), ...times(24, BUSY, 80), ...times(30, QUIET, 80)])).toEqual([1]);
  });

  it('every ten minutes at most where there was none', () => {
    expect(given(times(250, QUIET, 200))).toEqual([1, 121, 241]);
  });

  it('never again where that took much time', () => {
    expect(given(times(30, QUIET, 200), 301)).toEqual([1]);
  });
});

/** Returns the size of objects that nobody holds once it returned, MB. */
function makeGarbage(): number {
  const before = held();
  const garbage = Array.from({ length: 500_000 }, (_, index) => ({ index, text: `${index}` }));
  expect(garbage).toHaveLength(500_000);
  return held() - before;
}

const held = () => getHeapStatistics().used_heap_size / MB;

it('a collection leaves nothing of what nobody holds', () => {
  collectGarbage();
  const before = held();
  expect(makeGarbage()).toBeGreaterThan(20);
  collectGarbage();
  expect(held() - before).toBeLessThan(5);
  expect((globalThis as { gc?: unknown }).gc).toBeUndefined();
});
