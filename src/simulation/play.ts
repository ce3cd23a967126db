import { InvalidInput, TooCostly } from '../common/errors';
import { Turns } from '../common/turns';
import type { InfrastructureRow, ServiceRow } from '../database/entities';
import { run, type Played } from '../engine/run';
import { Simulation } from '../engine/simulate';
import { MAX_WINDOW_READINGS } from '../engine/window';
import type { CompiledService } from '../rules/compiled-service';
import { metricRolesOf, constants, countingMetrics } from './metric-roles';
import type { StorySurroundings } from './story-silences';
import { framesOfPoints, type Points, type Frame, type Span } from '../engine/frames';

const MAX_EVALUATIONS = 2_000_000;
/**
 * Largest count of numbers that all evaluations of a simulation may use together: values of metrics and readings in
 * windows.
 */
const MAX_NUMBERS = 200_000_000;
const SIMULATION_MS = 20_000;

/** A rule to simulate, and the number of nodes it begins with. */
export interface SimulatedRule {
  compiled: CompiledService;
  nodes: number;
  /** Moments at which a Counter32 began anew, as far as known, ms since 1970, by series; only series of Counter32. */
  begins?: ReadonlyMap<number, readonly number[]>;
  /** Silences and other services, where the story has some. */
  around?: StorySurroundings;
}

/** Length of a scenario, and how often the rule is evaluated, seconds. */
export interface TimeRange {
  from?: number;
  to?: number;
  evaluateEverySeconds?: number;
}

/** A scenario that is checked and ready to run; `to` is its end. */
export interface PreparedScenario {
  frames: AsyncIterable<Frame> | Iterable<Frame>;
  to: number;
}

/**
 * Prepares a scenario of given points.
 *
 * @throws InvalidInput when it is too long
 */
export function given(
  compiled: CompiledService,
  told: ReadonlyMap<string, Points>,
  range: TimeRange,
): PreparedScenario {
  const roles = metricRolesOf(compiled);
  const points = new Map(told);
  for (const [metric, value] of constants(compiled)) {
    if (!points.has(metric)) points.set(metric, [[-Infinity, value]]);
  }
  const ends = [...points.values()].filter((one) => one.length > 0 && Number.isFinite(one[0]![0]));
  const from = (range.from ?? Math.min(...ends.map((one) => one[0]![0])) / 1000) * 1000;
  const to = (range.to ?? Math.max(...ends.map((one) => one.at(-1)![0])) / 1000) * 1000;
  const span = { from, to, everyMs: everyMs(compiled, range) };
  checkSpan(span, compiled);
  return { frames: framesOfPoints({ ...roles, points }, span), to };
}

/**
 * Checks that a simulation is not too long.
 *
 * @throws InvalidInput
 */
export function checkSpan({ from, to, everyMs = 1000 }: Span, compiled: CompiledService): void {
  if (to < from) throw new InvalidInput([{ pointer: '/to', detail: 'must not be before from' }]);
  const count = Math.floor((to - from) / everyMs);
  const refused = (detail: string) => new InvalidInput([{ pointer: '/evaluateEverySeconds', detail }]);
  if (count > MAX_EVALUATIONS)
    throw refused(`asks for ${count} evaluations; at most ${MAX_EVALUATIONS} are allowed`);
  const numbers = numbersSeen(compiled, everyMs);
  if (count * numbers > MAX_NUMBERS)
    throw refused(
      `asks for ${count} evaluations of ${numbers} numbers each, by metrics and readings in windows; at most ${MAX_NUMBERS} numbers are allowed`,
    );
}

/** Returns how many numbers one evaluation uses. */
function numbersSeen({ service, windows }: CompiledService, everyMs: number): number {
  const inWindows = windows.map(({ window }) =>
    Math.min(Math.ceil((window.seconds * 1000) / everyMs), MAX_WINDOW_READINGS),
  );
  return inWindows.reduce((sum, count) => sum + count, Object.keys(service.metrics).length);
}

export const everyMs = (
  { rule }: CompiledService,
  { evaluateEverySeconds }: Pick<TimeRange, 'evaluateEverySeconds'>,
): number | undefined => (evaluateEverySeconds === undefined ? rule.intervalMs : evaluateEverySeconds * 1000);

/**
 * Returns the number of nodes at the start where none is given: the minimum when scaling up, the maximum when scaling
 * down.
 */
export function firstNodes({ direction }: ServiceRow, infrastructure?: InfrastructureRow): number {
  if (infrastructure === undefined) return 0;
  return direction === 'down' ? infrastructure.maxNodes : infrastructure.minNodes;
}

/** Returns the time limit of one simulation, reading included, which also gives other work its turn between steps. */
export const simulationTurns = (timeoutMs = SIMULATION_MS): Turns =>
  new Turns(
    timeoutMs,
    () => new TooCostly(`the simulation took too long: it was given up after ${timeoutMs / 1000} s`),
  );

/**
 * Runs the rule over a scenario. Nothing is written and nothing acts.
 *
 * @throws InvalidInput, TooCostly
 */
export async function play(
  { compiled, nodes, begins, around }: SimulatedRule,
  { frames, to }: PreparedScenario,
  range: Pick<TimeRange, 'evaluateEverySeconds'>,
  turns = simulationTurns(),
): Promise<Played> {
  const simulation = new Simulation(compiled.rule, {
    windows: compiled.windows.map(({ metric, series, window, goesRound }) => {
      const known = begins?.get(series) ?? (goesRound ? [] : undefined);
      return known === undefined ? { metric, window } : { metric, window, begins: known };
    }),
    nodes,
    countingMetrics: countingMetrics(compiled),
    pushedMetrics: compiled.alertMetrics.map(({ metric }) => metric),
    intervalMs: everyMs(compiled, range),
    ...around,
  });
  return run(simulation, frames, to, () => turns.next());
}
