import { framesOfPoints, framesOfRecords, type Points, type Recorded } from './frames';

const roles = (points: Record<string, Points>, alertMetrics: string[] = []) => ({
  points: new Map(Object.entries(points)),
  polledMetrics: Object.keys(points).filter((name) => !alertMetrics.includes(name)),
  alertMetrics,
});

describe('a story of points', () => {
  test('is looked at at every tick, and a point stands until the next one', () => {
    const story = framesOfPoints(
      roles({
        cpu: [
          [0, 5],
          [25, null],
          [30, 7],
        ],
      }),
      { from: 0, to: 40, everyMs: 10 },
    );
    expect([...story].map(({ at, readings }) => [at, readings.cpu])).toEqual([
      [0, 5],
      [10, 5],
      [20, 5],
      [30, 7],
      [40, 7],
    ]);
  });

  test('a null is a failed read, and what has no point yet is not read', () => {
    const points = {
      cpu: [
        [0, 5],
        [10, null],
      ],
      load: [[10, 1]],
    } satisfies Record<string, Points>;
    const story = [...framesOfPoints(roles(points), { from: 0, to: 10, everyMs: 10 })];
    expect(story.map(({ readings }) => readings)).toEqual([
      { cpu: 5, load: { error: 'not read' } },
      { cpu: { error: 'the read failed' }, load: 1 },
    ]);
  });

  test('a null of an alert is missing data, too; before any alert came it is 0', () => {
    const points = {
      down: [
        [4, 1],
        [15, null],
        [25, 0],
      ],
    } satisfies Record<string, Points>;
    const story = framesOfPoints(roles(points, ['down']), { from: 0, to: 30, everyMs: 10 });
    expect([...story].map(({ at, readings }) => [at, readings.down])).toEqual([
      [0, 0],
      [4, 1],
      [10, 1],
      [15, { error: 'the read failed' }],
      [20, { error: 'the read failed' }],
      [25, 0],
      [30, 0],
    ]);
  });

  test('an alert is looked at when it comes, between ticks too', () => {
    const points = {
      cpu: [[0, 5]],
      down: [
        [4, 1],
        [15, 0],
      ],
    } satisfies Record<string, Points>;
    const story = framesOfPoints(roles(points, ['down']), { from: 0, to: 20, everyMs: 10 });
    expect([...story].map(({ at, readings, news }) => [at, readings.down, news])).toEqual([
      [0, 0, false],
      [4, 1, true],
      [10, 1, false],
      [15, 0, true],
      [20, 0, false],
    ]);
  });

  test('without ticks every point is a moment', () => {
    const story = framesOfPoints(
      roles(
        {
          down: [
            [3, 1],
            [8, 0],
          ],
        },
        ['down'],
      ),
      { from: 0, to: 20 },
    );
    expect([...story].map(({ at }) => at)).toEqual([3, 8]);
  });
});

describe('a story of records', () => {
  async function* batches(...records: Recorded[][]): AsyncGenerator<Recorded[]> {
    yield* records;
  }
  const cpu = (at: number, value: number): Recorded => ({ metric: 'cpu', at, value });
  const told = async (records: Recorded[][], span: { from: number; to: number }, alerts: Points = []) => {
    const given = { polledMetrics: ['cpu'], alertMetrics: ['down'], points: new Map([['down', alerts]]) };
    const frames = [];
    for await (const { at, readings, isPrologue } of framesOfRecords(batches(...records), given, {
      ...span,
      everyMs: 10,
    })) {
      frames.push([
        at,
        typeof readings.cpu === 'number' ? readings.cpu : 'missing',
        isPrologue ? 'before' : readings.down,
      ]);
    }
    return frames;
  };

  test('a tick at which nothing was recorded is one at which every read failed', async () => {
    expect(await told([[cpu(0, 1)], [cpu(10, 2), cpu(40, 3)]], { from: 0, to: 60 })).toEqual([
      [0, 1, 0],
      [10, 2, 0],
      [20, 'missing', 0],
      [30, 'missing', 0],
      [40, 3, 0],
      [50, 'missing', 0],
    ]);
  });

  test('a reading that came late is one reading, not a failed one and another', async () => {
    const readings = [cpu(0, 1), cpu(13, 2), cpu(20, 3), cpu(38, 4), cpu(50, 5)];
    expect(await told([readings], { from: 0, to: 50 })).toEqual([
      [0, 1, 0],
      [13, 2, 0],
      [20, 3, 0],
      [38, 4, 0],
      [40, 'missing', 0],
      [50, 5, 0],
    ]);
  });

  test('what was read before only fills windows; alerts come in between', async () => {
    const alerts: Points = [
      [4, 1],
      [12, 0],
    ];
    expect(await told([[cpu(-10, 9), cpu(0, 1), cpu(10, 2)]], { from: 0, to: 12 }, alerts)).toEqual([
      [-10, 9, 'before'],
      [0, 1, 0],
      [4, 1, 1],
      [10, 2, 1],
      [12, 2, 0],
    ]);
  });
});
