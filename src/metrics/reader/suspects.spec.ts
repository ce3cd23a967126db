import { Suspects } from './suspects';

describe('Suspects', () => {
  it('whoever ends a process alone is not asked, twice as long each time, an hour at most', () => {
    const suspects = new Suspects();
    suspects.accuse('bad');
    expect(suspects.pauseOf('bad', 0)).toBe(0);
    const pauses = Array.from({ length: 12 }, () => suspects.convict('bad', 1_000));
    expect(pauses.slice(0, 4)).toEqual([15_000, 30_000, 60_000, 120_000]);
    expect(Math.max(...pauses)).toBe(3_600_000);
    expect(suspects.pauseOf('bad', 2_000)).toBe(3_599_000);
    expect([suspects.asideAt(2_000), suspects.asideAt(3_700_000)]).toEqual([1, 0]);
    expect(suspects.pauseOf('good', 0)).toBe(0);
  });

  it('a suspect is one of all again after clean answers in a row, later the more often it was accused', () => {
    const suspects = new Suspects();
    const cleanUntilFree = (): number => {
      let clean = 0;
      for (; suspects.has('one'); clean++) suspects.clear('one');
      return clean;
    };
    suspects.accuse('one');
    expect(cleanUntilFree()).toBe(5);
    suspects.accuse('one');
    suspects.clear('one');
    suspects.accuse('one');
    expect(cleanUntilFree()).toBe(10);
    suspects.accuse('one');
    suspects.convict('one', 0);
    expect(cleanUntilFree()).toBe(10);
    suspects.clear('nobody');
    expect(suspects.has('nobody')).toBe(false);
  });

  it('a thousand are remembered', () => {
    const suspects = new Suspects();
    for (let n = 0; n < 1_500; n++) suspects.accuse(`target ${n}`);
    expect([suspects.has('target 0'), suspects.has('target 1499')]).toEqual([false, true]);
  });
});
