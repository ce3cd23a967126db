import { Inject, Injectable } from '@nestjs/common';
import { momentOf } from '../api/range-query';
import { CLOCK, type Clock } from '../common/clock';
import { checked, inPart } from '../common/check';
import { InvalidInput, Unavailable } from '../common/errors';
import { Limiter } from '../common/limiter';
import type { Turns } from '../common/turns';
import type { ServiceRow } from '../database/entities';
import { Samples } from '../history/samples';
import { Infrastructures } from '../infrastructures/infrastructures';
import { Services } from '../services/services';
import type { Played } from '../engine/run';
import type { Timeline, Summary } from '../engine/simulate';
import { isOfChange } from '../engine/window';
import { RuleCompiler } from '../rules/rule-compiler';
import { simulatedMetrics } from './metric-roles';
import {
  checkSpan,
  everyMs,
  firstNodes,
  given,
  play,
  simulationTurns,
  type SimulatedRule,
  type PreparedScenario,
} from './play';
import { Recordings } from './recordings';
import { pointsOf } from './series';
import { phasesOf } from './rule-test';
import { surroundingsOf } from './story-silences';
import { SimulationDto } from './simulation.dto';
import type { Span } from '../engine/frames';

const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 7;
/**
 * Largest number of simulations that run at once, as each takes processor time from others; `WAITING_AT_MOST` may wait.
 */
const AT_ONCE = 4;
const WAITING_AT_MOST = 20;

/** Result of a simulation. Times are seconds where series were given, else RFC 3339. */
export interface SimulationAnswer {
  triggers: object[];
  timeline: object[];
  summary: Summary;
  comparison?: object;
}

/** Tries rules on scenarios: runs the engine over a virtual clock. Nothing is written and nothing acts. */
@Injectable()
export class Simulations {
  private readonly limiter = new Limiter(
    AT_ONCE,
    WAITING_AT_MOST,
    () => new Unavailable(`${WAITING_AT_MOST} simulations wait here already; try again later`, 5),
  );

  constructor(
    private readonly services: Services,
    private readonly infrastructures: Infrastructures,
    private readonly compiler: RuleCompiler,
    private readonly recordings: Recordings,
    private readonly samples: Samples,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Runs a simulation.
   *
   * @throws InvalidInput saying where
   * @throws TooCostly
   * @throws Unavailable when too many wait
   */
  async run(body: unknown): Promise<SimulationAnswer> {
    return this.limiter.take(() => this.simulate(body));
  }

  private async simulate(body: unknown): Promise<SimulationAnswer> {
    const { series, dto } = apart(body);
    const simulatedRule = await this.simulatedRule(dto.service, '/service', dto);
    const other =
      dto.compareWith === undefined
        ? undefined
        : await this.simulatedRule(dto.compareWith, '/compareWith', dto);
    const show = series === undefined ? momentShown : secondsShown;
    const turns = simulationTurns();
    const told = await this.teller([simulatedRule, ...(other ? [other] : [])], series, dto, turns);
    const begin = series === undefined ? this.spanOf(dto).from : 0;
    const within = (rule: SimulatedRule) => ({
      ...rule,
      around: surroundingsOf(dto.silences, dto.parents, phasesOf(rule.compiled.service), begin),
    });
    const mine = await play(within(simulatedRule), told(simulatedRule), dto, turns);
    const answer = shown(mine, show);
    if (other === undefined) return answer;
    return {
      ...answer,
      comparison: compared(mine, await play(within(other), told(other), dto, turns), show),
    };
  }

  /** Returns a function that prepares the same scenario for each rule. */
  private async teller(
    simulatedRules: readonly SimulatedRule[],
    series: object | undefined,
    dto: SimulationDto,
    turns: Turns,
  ): Promise<(simulatedRule: SimulatedRule) => PreparedScenario> {
    if (series === undefined) return (simulatedRule) => this.recorded(simulatedRule, dto);
    const metrics = [...new Set(simulatedRules.flatMap(({ compiled }) => simulatedMetrics(compiled)))];
    const points = await pointsOf(series, metrics, turns);
    const range = { ...dto, from: dto.from as number | undefined, to: dto.to as number | undefined };
    return ({ compiled }) => given(compiled, points, range);
  }

  private async simulatedRule(
    reference: unknown,
    pointer: string,
    { nodes }: SimulationDto,
  ): Promise<SimulatedRule> {
    const row = await this.definition(reference, pointer);
    const infrastructure =
      row.infrastructureId === null ? undefined : await this.infrastructures.store.byId(row.infrastructureId);
    const compiled = this.compiler.compile(row, infrastructure);
    const ofChange = compiled.windows.filter(({ window }) => isOfChange(window.function));
    const series = ofChange.flatMap((one) => (one.series === undefined ? [] : [one.series]));
    const begins = await this.samples.begins(series);
    return { compiled, nodes: nodes ?? firstNodes(row, infrastructure), begins };
  }

  private async definition(reference: unknown, pointer: string): Promise<ServiceRow> {
    if (typeof reference === 'string') {
      const row = await this.services.store.find(reference);
      if (row !== undefined) return row;
      throw new InvalidInput([{ pointer, detail: `there is no service ${JSON.stringify(reference)}` }]);
    }
    return inPart(pointer, async () => {
      const { name } = reference as { name?: unknown };
      // One by the name of another goes on with its history.
      const before = typeof name === 'string' ? await this.services.store.find(name) : undefined;
      return this.services.draft(reference, await this.services.references([reference]), before).row;
    });
  }

  /** Returns the time of what was recorded, ms since 1970. */
  private spanOf(dto: SimulationDto): { from: number; to: number } {
    const to = momentOf(dto.to as string | undefined) ?? this.clock.now();
    const from = momentOf(dto.from as string | undefined) ?? new Date(to.getTime() - DEFAULT_DAYS * DAY_MS);
    return { from: from.getTime(), to: to.getTime() };
  }

  private recorded({ compiled }: SimulatedRule, dto: SimulationDto): PreparedScenario {
    const span: Span = { ...this.spanOf(dto), everyMs: everyMs(compiled, dto) };
    checkSpan(span, compiled);
    if (Object.keys(compiled.service.series).length === 0) {
      const detail = `is required: no service is named ${compiled.service.name}, so nothing is on record`;
      throw new InvalidInput([{ pointer: '/series', detail }]);
    }
    const frames = this.recordings.story(compiled, span, dto.nodes !== undefined);
    return { frames, to: span.to };
  }
}

function apart(body: unknown): { series?: object; dto: SimulationDto } {
  const series = (body as { series?: unknown } | null | undefined)?.series ?? undefined;
  if (series === undefined) return { dto: checked(SimulationDto, body) };
  if (typeof series !== 'object' || series === null || Array.isArray(series)) {
    throw new InvalidInput([{ pointer: '/series', detail: 'must be an object: metric -> points' }]);
  }
  // Checked on their own: there may be hundreds of thousands of points.
  return { series, dto: checked(SimulationDto, { ...(body as object), series: {} }) };
}

type Show = (at: number) => number | string;
const momentShown: Show = (at) => new Date(at).toISOString();
const secondsShown: Show = (at) => at / 1000;

function shown({ timeline, summary }: Played, show: Show): SimulationAnswer {
  return {
    triggers: timeline.triggers.map((trigger) => triggerShown(trigger, show)),
    timeline: timeline.intervals.map(({ from, to, ...interval }) => ({
      from: show(from),
      to: show(to),
      ...interval,
    })),
    summary,
  };
}

function triggerShown({ at, values, nodes }: Timeline['triggers'][number], show: Show): object {
  if (nodes === undefined) return { at: show(at), values };
  const { current, desired, delta } = nodes;
  return { at: show(at), values, nodes: { current, desired, delta } };
}

/** Compares two results: triggers gained and lost by the first, and the differences of the sums. */
function compared(mine: Played, theirs: Played, show: Show): object {
  const moments = ({ timeline }: Played) => new Set(timeline.triggers.map(({ at }) => at));
  const [ours, others] = [moments(mine), moments(theirs)];
  const only = ({ timeline }: Played, not: Set<number>) =>
    timeline.triggers.filter(({ at }) => !not.has(at)).map((trigger) => triggerShown(trigger, show));
  const difference = Object.entries(mine.summary).map(([name, sum]: [string, number]) => [
    name,
    sum - theirs.summary[name as keyof Summary],
  ]);
  return {
    gained: only(mine, others),
    lost: only(theirs, ours),
    difference: Object.fromEntries(difference) as object,
    summary: theirs.summary,
  };
}
