import type { Frame } from './frames';
import { Timeline, type Simulation, type Summary } from './simulate';
import type { Moment } from './types';

export interface Played {
  timeline: Timeline;
  summary: Summary;
}

/**
 * Runs a simulation over the frames of a scenario.
 *
 * @param to end of the scenario
 * @param turn is called between steps; what it returns is awaited, so that other work gets its turn
 */
export async function run(
  simulation: Simulation,
  frames: AsyncIterable<Frame> | Iterable<Frame>,
  to: Moment,
  turn: () => Promise<void> | undefined = () => undefined,
): Promise<Played> {
  const timeline = new Timeline();
  let last: Frame | undefined;
  const nextAt = () => last && simulation.nextMoment(last.at);
  /** Evaluates a rule without polls at the ends of its hold and of its wisdom times. */
  const moments = async (until: Moment) => {
    for (let at = nextAt(); at !== undefined && at < until;) {
      timeline.add(simulation.step(at, last!.readings));
      last = { at, readings: last!.readings };
      at = simulation.nextMoment(at);
      const wait = turn();
      if (wait !== undefined) await wait;
    }
  };
  for await (const frame of frames) {
    const wait = turn();
    if (wait !== undefined) await wait;
    if (frame.isPrologue) {
      simulation.warmUp(frame.at, frame.readings);
      continue;
    }
    if (nextAt() !== undefined) await moments(frame.at);
    timeline.add(simulation.step(frame.at, frame.readings, { news: frame.news }));
    last = frame;
  }
  await moments(to + 1);
  return { timeline, summary: timeline.end(Math.max(to, last?.at ?? to)) };
}
