/** The rule over what was recorded, by the engine that acts. What runs here runs in a worker, and in tests as well. */
import { compileRule, type RuleDefinition } from '../../../engine/compile-rule';
import { framesOfRecords, type Recorded } from '../../../engine/frames';
import { run } from '../../../engine/run';
import { Simulation, type Summary, type TimelineInterval } from '../../../engine/simulate';
import type { Direction } from '../../../engine/types';
import type { Window } from '../../../engine/window';

/** Readings of a metric: moments in milliseconds since 1970, and what was read. */
export interface SeriesRead {
  times: Float64Array;
  values: Float64Array;
}

/** What was recorded of a service; it begins before `from`, as far back as windows look. */
export interface Recording {
  from: number;
  to: number;
  series: Readonly<Record<string, SeriesRead>>;
}

/** Rule as it can be sent to a worker. */
export interface BacktestRule {
  definition: RuleDefinition;
  windows: { metric: string; window: Window }[];
  scaling?: {
    infrastructure: string;
    direction: Direction;
    minNodes: number;
    maxNodes: number;
    wisdomSeconds: number;
    maxDirectionChanges: number;
    /** How many nodes each trigger adds, or takes away. */
    step: number;
  };
}

export interface Replayed {
  /** Moments of triggers. */
  triggers: number[];
  intervals: TimelineInterval[];
  summary: Summary;
}

/** Intervals that are drawn. */
const INTERVALS_AT_MOST = 2_000;

/** Returns the readings of all metrics in the order of time. */
export function recordsOf({ series }: Recording): Recorded[] {
  const records = Object.entries(series).flatMap(([metric, { times, values }]) =>
    Array.from(times, (at, index): Recorded => ({ metric, at, value: values[index]! })),
  );
  return records.sort((a, b) => a.at - b.at);
}

/**
 * Replays a rule.
 *
 * @param records of the recording, in the order of time
 * @throws ConditionError
 */
export async function replay(
  { definition, windows, scaling }: BacktestRule,
  { from, to }: Recording,
  records: readonly Recorded[],
): Promise<Replayed> {
  const metrics = Object.keys(definition.metrics);
  const everyMs = definition.intervalSeconds * 1_000;
  const rule = compileRule(definition, { key: '', polled: true, scaling: scaling && scalingOf(scaling) });
  const simulation = new Simulation(rule, { windows, nodes: firstNodes(scaling) });
  const longestMs = Math.max(0, ...windows.map(({ window }) => window.seconds)) * 1_000;
  const wanted = records.filter(
    ({ metric, at }) => Object.hasOwn(definition.metrics, metric) && at >= from - longestMs && at <= to,
  );
  const frames = framesOfRecords(
    once(wanted),
    { polledMetrics: metrics, alertMetrics: [], points: new Map() },
    { from, to, everyMs },
  );
  const { timeline, summary } = await run(simulation, frames, to);
  return {
    triggers: timeline.triggers.map(({ at }) => at),
    intervals: timeline.intervals.slice(-INTERVALS_AT_MOST),
    summary,
  };
}

async function* once<T>(batch: T): AsyncGenerator<T> {
  yield batch;
}

const scalingOf = ({ step, wisdomSeconds, ...scaling }: NonNullable<BacktestRule['scaling']>) => ({
  ...scaling,
  wisdomMs: wisdomSeconds * 1_000,
  wish: ({ effective, direction }: { effective: number; direction: Direction }) =>
    direction === 'up' ? effective + step : effective - step,
});

const firstNodes = (scaling: BacktestRule['scaling']): number =>
  scaling === undefined ? 0 : scaling.direction === 'down' ? scaling.maxNodes : scaling.minNodes;
