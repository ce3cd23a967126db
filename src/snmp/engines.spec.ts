import { Engines } from './engines';

const at = (second: number) => new Date(1_700_000_000_000 + second * 1000);

describe('engines that send', () => {
  let engines: Engines;
  let signatures = 0;

  const claim = (boots: number, time: number, signature = String(signatures++)) => ({
    engineId: 'e',
    boots,
    time,
    authentication: Buffer.from(signature),
  });

  beforeEach(() => (engines = new Engines()));

  // RFC 3414, 3.2.7 b: rows of [second, boots, time, is timely].
  it.each<[string, [number, number, number, boolean][]]>([
    ['is believed the first time', [[0, 5, 1_000, true]]],
    [
      'may be late by 150 s',
      [
        [0, 5, 1_000, true],
        [150, 5, 1_000, true],
        [151, 5, 1_000, false],
      ],
    ],
    [
      'may be ahead of what it said',
      [
        [0, 5, 1_000, true],
        [1, 5, 9_000, true],
        [2, 5, 1_001, false],
      ],
    ],
    [
      'starts anew when it boots',
      [
        [0, 5, 1_000, true],
        [1, 6, 0, true],
        [2, 5, 1_002, false],
      ],
    ],
    ['is over when it has booted too often', [[0, 2 ** 31 - 1, 0, false]]],
    ['may not say less than nothing', [[0, -1, 0, false]]],
  ])('one %s', (_, rows) => {
    for (const [second, boots, time, isTimely] of rows)
      expect([second, engines.isTimely(claim(boots, time), at(second))]).toEqual([second, isTimely]);
  });

  it('the very same message is not new again', () => {
    const message = claim(1, 10);
    expect(engines.isTimely(message, at(0))).toBe(true);
    expect(engines.isTimely(message, at(1))).toBe(false);
  });

  it('what others have heard counts, and older news does not', () => {
    engines.learn([{ engineId: 'e', boots: 3, time: 500, heardAt: at(0) }]);
    engines.learn([{ engineId: 'e', boots: 2, time: 9_000, heardAt: at(0) }]);
    expect(engines.isTimely(claim(2, 9_001), at(1))).toBe(false);
    expect(engines.isTimely(claim(3, 501), at(1))).toBe(true);
  });

  it('tells what has changed once', () => {
    engines.isTimely(claim(1, 10), at(0));
    engines.isTimely(claim(1, 12), at(2));
    expect(engines.takeChanged()).toEqual([expect.objectContaining({ boots: 1, time: 12, heardAt: at(2) })]);
    expect(engines.takeChanged()).toEqual([]);
  });

  it('that were forgotten are believed as the first time, but for the very same message', () => {
    expect(engines.isTimely(claim(5, 1_000, 'recorded'), at(0))).toBe(true);
    expect(engines.isTimely(claim(1, 60), at(1))).toBe(false);
    engines.forget('another');
    expect(engines.isTimely(claim(1, 60), at(2))).toBe(false);
    engines.forget('e');
    expect(engines.isTimely(claim(1, 61), at(3))).toBe(true);
    expect(engines.isTimely(claim(5, 1_000, 'recorded'), at(4))).toBe(false);
    expect(engines.isTimely(claim(1, 300), at(5))).toBe(true);
    expect(engines.takeChanged()).toEqual([expect.objectContaining({ boots: 1, time: 300 })]);
  });
});
