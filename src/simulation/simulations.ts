import { Inject, Injectable } from '@nestjs/common';
import { momentOf } from '../api/range-query';
import { CLOCK, type Clock } from '../common/clock';
import { checked, within } from '../common/check';
import { InvalidInput, Unavailable } from '../common/errors';
import { Limiter } from '../common/limiter';
import type { Turns } from '../common/turns';
import type { ServiceRow } from '../database/entities';
import { Samples } from '../history/samples';
import { Infrastructures } from '../infrastructures/infrastructures';
import { Services } from '../services/services';
import type { Course, Summary } from '../engine/simulate';
import { isOfChange } from '../engine/window';
import { RuleBook } from '../rules/rule-book';
import { simulatedMetrics } from './cast';
import {
  checkSpan,
  everyMs,
  firstNodes,
  given,
  play,
  simulationTurns,
  type Played,
  type Player,
  type Told,
} from './play';
import { Recordings } from './recordings';
import { pointsOf } from './series';
import { SimulationDto } from './simulation.dto';
import type { Span } from './story';

const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 7;
/** Simulations at a time: each takes a part of what others have of the processor. And how many may wait for it. */
const AT_ONCE = 4;
const WAITING_AT_MOST = 20;

/** What a simulation came to. Times are seconds where series were given, else RFC 3339. */
export interface SimulationAnswer {
  triggers: object[];
  timeline: object[];
  summary: Summary;
  comparison?: object;
}

/** Rules tried on a story: the engine over a virtual clock. Nothing is written and nothing acts. */
@Injectable()
export class Simulations {
  private readonly limiter = new Limiter(AT_ONCE);

  constructor(
    private readonly services: Services,
    private readonly infrastructures: Infrastructures,
    private readonly ruleBook: RuleBook,
    private readonly recordings: Recordings,
    private readonly samples: Samples,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** @throws InvalidInput saying where; TooCostly; Unavailable when too many wait */
  async run(body: unknown): Promise<SimulationAnswer> {
    if (this.limiter.waiting >= WAITING_AT_MOST)
      throw new Unavailable(`${WAITING_AT_MOST} simulations wait here already; try again later`, 5);
    return this.limiter.take(() => this.simulate(body));
  }

  private async simulate(body: unknown): Promise<SimulationAnswer> {
    const { series, dto } = apart(body);
    const player = await this.player(dto.service, '/service', dto);
    const other =
      dto.compareWith === undefined ? undefined : await this.player(dto.compareWith, '/compareWith', dto);
    const show = series === undefined ? momentShown : secondsShown;
    const turns = simulationTurns();
    const told = await this.teller([player, ...(other ? [other] : [])], series, dto, turns);
    const mine = await play(player, told(player), dto, turns);
    const answer = shown(mine, show);
    if (other === undefined) return answer;
    return { ...answer, comparison: compared(mine, await play(other, told(other), dto, turns), show) };
  }

  /** Tells the same story to each of them. */
  private async teller(
    players: readonly Player[],
    series: object | undefined,
    dto: SimulationDto,
    turns: Turns,
  ): Promise<(player: Player) => Told> {
    if (series === undefined) return (player) => this.recorded(player, dto);
    const metrics = [...new Set(players.flatMap(({ prepared }) => simulatedMetrics(prepared)))];
    const points = await pointsOf(series, metrics, turns);
    const pace = { ...dto, from: dto.from as number | undefined, to: dto.to as number | undefined };
    return ({ prepared }) => given(prepared, points, pace);
  }

  private async player(reference: unknown, pointer: string, { nodes }: SimulationDto): Promise<Player> {
    const row = await this.definition(reference, pointer);
    const infrastructure =
      row.infrastructureId === null ? undefined : await this.infrastructures.store.find(row.infrastructureId);
    const prepared = this.ruleBook.prepare(row, infrastructure);
    const ofChange = prepared.windows.filter(({ window }) => isOfChange(window.function));
    const series = ofChange.flatMap((one) => (one.series === undefined ? [] : [one.series]));
    const begins = await this.samples.begins(series);
    return { prepared, nodes: nodes ?? firstNodes(row, infrastructure), begins };
  }

  private async definition(reference: unknown, pointer: string): Promise<ServiceRow> {
    if (typeof reference === 'string') {
      const row = await this.services.store.find(reference);
      if (row !== undefined) return row;
      throw new InvalidInput([{ pointer, detail: `there is no service ${JSON.stringify(reference)}` }]);
    }
    try {
      const { name } = reference as { name?: unknown };
      // One by the name of another goes on with its history.
      const before = typeof name === 'string' ? await this.services.store.find(name) : undefined;
      return this.services.draft(reference, await this.services.references([reference]), before).row;
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      throw new InvalidInput(error.errors.map((one) => within(pointer, one)));
    }
  }

  private recorded({ prepared }: Player, dto: SimulationDto): Told {
    const to = momentOf(dto.to as string | undefined) ?? this.clock.now();
    const from = momentOf(dto.from as string | undefined) ?? new Date(to.getTime() - DEFAULT_DAYS * DAY_MS);
    const span: Span = { from: from.getTime(), to: to.getTime(), everyMs: everyMs(prepared, dto) };
    checkSpan(span, prepared);
    if (Object.keys(prepared.service.series).length === 0) {
      const detail = `is required: no service is named ${prepared.service.name}, so nothing is on record`;
      throw new InvalidInput([{ pointer: '/series', detail }]);
    }
    const scenes = this.recordings.story(prepared, span, dto.nodes !== undefined);
    return { scenes, to: span.to };
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

function shown({ course, summary }: Played, show: Show): SimulationAnswer {
  return {
    triggers: course.triggers.map((trigger) => triggerShown(trigger, show)),
    timeline: course.timeline.map(({ from, to, ...stretch }) => ({
      from: show(from),
      to: show(to),
      ...stretch,
    })),
    summary,
  };
}

function triggerShown({ at, values, nodes }: Course['triggers'][number], show: Show): object {
  if (nodes === undefined) return { at: show(at), values };
  const { current, desired, delta } = nodes;
  return { at: show(at), values, nodes: { current, desired, delta } };
}

/** What the first does otherwise than the second. */
function compared(mine: Played, theirs: Played, show: Show): object {
  const moments = ({ course }: Played) => new Set(course.triggers.map(({ at }) => at));
  const [ours, others] = [moments(mine), moments(theirs)];
  const only = ({ course }: Played, not: Set<number>) =>
    course.triggers.filter(({ at }) => !not.has(at)).map((trigger) => triggerShown(trigger, show));
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
