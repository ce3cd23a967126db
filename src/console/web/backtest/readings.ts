/** Readings of a service over some days, for the backtest. */
import { queryOptions } from '@tanstack/react-query';
import { answer, client } from '../api/client';
import type { Samples } from '../api/shapes';
import type { Recording, SeriesRead } from './replay';

/** Readings that one answer of the API has at most, with room for those that came in between. */
const POINTS_AT_MOST = 10_000;
/** Readings that the page asks for; of more, the server replays the rule. */
export const READINGS_AT_MOST = 100_000;

export interface ReadingsWanted {
  /** Id of the service. */
  id: string;
  metrics: readonly string[];
  from: number;
  to: number;
  intervalSeconds: number;
  /** How far windows look back. */
  longestSeconds: number;
}

export const readingsCount = ({
  metrics,
  from,
  to,
  intervalSeconds,
  longestSeconds,
}: ReadingsWanted): number => (metrics.length * ((to - from) / 1_000 + longestSeconds)) / intervalSeconds;

export const readingsQuery = (wanted: ReadingsWanted) =>
  queryOptions({
    queryKey: ['backtest', wanted],
    queryFn: async (): Promise<Recording> => {
      const series: Record<string, SeriesRead> = {};
      for (const metric of wanted.metrics) series[metric] = await seriesOf(metric, wanted);
      return { from: wanted.from, to: wanted.to, series };
    },
    refetchInterval: false,
    refetchOnWindowFocus: false,
    staleTime: Infinity,
    gcTime: 60_000,
  });

async function seriesOf(
  metric: string,
  { id, from, to, intervalSeconds, longestSeconds }: ReadingsWanted,
): Promise<SeriesRead> {
  const stepMs = POINTS_AT_MOST * intervalSeconds * 1_000;
  const [times, values]: [number[], number[]] = [[], []];
  for (let begin = from - longestSeconds * 1_000; begin <= to; begin += stepMs) {
    const { points } = await answer<Samples>(
      client.GET('/api/v1/services/{ref}/samples', {
        params: {
          path: { ref: id },
          query: {
            metric,
            from: new Date(begin).toISOString(),
            to: new Date(Math.min(begin + stepMs - 1, to)).toISOString(),
          },
        },
      }),
    );
    for (const [at, value] of points) {
      times.push(Date.parse(at));
      values.push(value);
    }
  }
  return { times: Float64Array.from(times), values: Float64Array.from(values) };
}
