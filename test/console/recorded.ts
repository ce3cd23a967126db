/** Service with readings of every kind, and rules to try on them. */
import fc from 'fast-check';
import type { Recording, SeriesRead } from '../../src/console/web/backtest/replay';
import { placeOf, groupOf } from '../../src/database/series';
import type { MonscaleProcess, World } from '../program';

const TICKS = 300;

const metric = (window?: object) => ({
  type: 'static_count',
  params: { value: 1 },
  ...(window && { window }),
});

const windows = fc.option(
  fc.record({
    function: fc.constantFrom('avg', 'max', 'p90', 'count', 'sum'),
    seconds: fc.integer({ min: 1, max: 30 }),
    minSamples: fc.integer({ min: 1, max: 3 }),
  }),
  { nil: undefined },
);

/** What a rule may say of the metrics `load` and `other`. */
export const anyRule = fc
  .record({
    window: windows,
    condition: fc
      .tuple(
        fc.constantFrom(
          'load > T',
          'load <= T',
          'load > T && other < 60.0',
          'load > T || isMissing(other)',
          'abs(load - other) > T / 2.0',
        ),
        fc.integer({ min: 10, max: 90 }),
      )
      .map(([text, threshold]) => text.replaceAll('T', String(threshold))),
    recovery: fc.option(fc.constantFrom('load < 20', 'other > 50'), { nil: undefined }),
    holdSeconds: fc.integer({ min: 0, max: 15 }),
    wisdomSeconds: fc.integer({ min: 0, max: 60 }),
    repeat: fc.boolean(),
    missingData: fc.constantFrom('hold', 'reset', 'breach', 'ok'),
    mode: fc.constantFrom('auto', 'approve', 'shadow'),
  })
  .map(({ window, ...rule }) => ({ ...rule, metrics: { load: metric(window), other: metric() } }));

/** Makes a service and records readings of the last minutes for it: some fail, some ticks have none at all. */
export async function recordedService({ api }: MonscaleProcess, world: World) {
  const definition = {
    name: 'recorded',
    intervalSeconds: 1,
    condition: 'load > 50',
    metrics: { load: metric(), other: metric() },
  };
  // Disabled, so that nothing else is recorded.
  const { id } = await api.create('/services', { ...definition, enabled: false });
  const [row] = await world.rows('SELECT series FROM services WHERE id = $1', [id]);
  const series = row!.series as { load: number; other: number };
  const to = Math.floor(Date.now() / 1_000) * 1_000 - 1_000;
  const from = to - TICKS * 1_000;
  const values = fc.sample(
    fc.tuple(
      fc.option(fc.integer({ min: 0, max: 100 }), { freq: 12 }),
      fc.option(fc.integer({ min: 0, max: 100 }), { freq: 6 }),
    ),
    { numRuns: TICKS, seed: 18 },
  );
  for (const [index, [load, other]] of values.entries()) {
    // Two minutes in, nobody looks for a while.
    if ((load === null && other === null) || (index > 120 && index < 140)) continue;
    const readings: (number | null)[] = [];
    readings[placeOf(series.load) - 1] = load;
    readings[placeOf(series.other) - 1] = other;
    await world.rows('INSERT INTO samples VALUES ($1, $2, $3)', [
      groupOf(series.load),
      new Date(from + index * 1_000),
      Array.from(readings, (one) => one ?? null),
    ]);
  }
  const read = async (name: string): Promise<SeriesRead> => {
    const query = new URLSearchParams({
      metric: name,
      from: new Date(from - 30_000).toISOString(),
      to: new Date(to).toISOString(),
    });
    const { body } = await api.get(`/services/recorded/samples?${query.toString()}`);
    const points = body.points as [string, number][];
    return {
      times: Float64Array.from(points, ([at]) => Date.parse(at)),
      values: Float64Array.from(points, ([, value]) => value),
    };
  };
  const recording: Recording = { from, to, series: { load: await read('load'), other: await read('other') } };
  return { definition, recording };
}
