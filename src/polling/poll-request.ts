import type { Metric, Node, ReadContext } from '../metrics/metric';
import type { Reading } from '../common/reading';
import type { PlannedGroup } from './poll-plan';
import type { Polled } from './polled';

/** Collects the readings of one service until all have come or it is left out. */
export class Tally {
  private readonly readings: Record<string, Reading> = {};
  private isOver = false;

  /**
   * @param missing number of readings to come, one or more
   * @param whenDone called once; without readings when the service was left out
   */
  constructor(
    private missing: number,
    private readonly whenDone: (readings?: Readonly<Record<string, Reading>>) => void,
  ) {}

  take(metric: string, reading: Reading): void {
    this.readings[metric] = reading;
    this.missing -= 1;
    if (this.missing === 0) this.end(this.readings);
  }

  leaveOut(): void {
    this.end(undefined);
  }

  private end(readings: Record<string, Reading> | undefined): void {
    if (this.isOver) return;
    this.isOver = true;
    this.whenDone(readings);
  }
}

/** Service that takes part in a request, with its metrics. */
interface Asker {
  tally: Tally;
  metrics: readonly string[];
  /** Index of each metric's question in the request. */
  asks: readonly number[];
}

/** Request to one target: the questions of several services, each once, and who gets the answers. */
export class PollRequest {
  readonly type: string;
  readonly timeoutMs: number;
  readonly strategy: Metric;
  readonly nodes: Pick<ReadContext, 'nodes' | 'listNodes'>;
  /** Params of each question. The same array at every poll, where one service asks alone. */
  params: readonly object[];
  private readonly askers: Asker[];
  /** Index of each question by its key; made when a second service joins. */
  private numbers?: Map<string, number>;

  constructor(
    private readonly first: PlannedGroup,
    tally: Tally,
    polled: Polled,
  ) {
    this.type = first.type;
    this.timeoutMs = first.timeoutMs;
    this.strategy = first.strategy;
    this.params = first.params;
    this.askers = [{ tally, metrics: first.metrics, asks: first.asks }];
    this.nodes = first.asksForNodes
      ? { nodes: () => polled.countNodes(), listNodes: () => polled.listNodes() }
      : NOBODYS_NODES;
  }

  /** Adds the questions of another service. */
  join({ questions, params, metrics, asks }: PlannedGroup, tally: Tally): void {
    const numbers = (this.numbers ??= new Map(
      this.first.questions.map((question, number) => [question, number]),
    ));
    const joined = [...this.params];
    const places = questions.map((question, index) => {
      let number = numbers.get(question);
      if (number === undefined) {
        number = joined.push(params[index]!) - 1;
        numbers.set(question, number);
      }
      return number;
    });
    this.params = joined;
    this.askers.push({ tally, metrics, asks: asks.map((number) => places[number]!) });
  }

  /** Hands the answers out. @returns the number of questions that have a number for an answer */
  settle(readings: readonly (Reading | undefined)[]): number {
    let values = 0;
    const answers = this.params.map((_, number) => {
      const answer = finite(readings[number]);
      if ('value' in answer) values += 1;
      return answer;
    });
    for (const { tally, metrics, asks } of this.askers)
      for (let index = 0; index < metrics.length; index++)
        tally.take(metrics[index]!, answers[asks[index]!]!);
    return values;
  }

  /** Leaves out all services of a request that never goes out. */
  giveUp(): void {
    for (const { tally } of this.askers) tally.leaveOut();
  }
}

/**
 * Fails a mapping that asks for nodes without having declared it: it is read once for services of several
 * infrastructures.
 */
const noNodes = (): Promise<never> =>
  Promise.reject(new Error('the mapping does not say that it asks for nodes; set "asksForNodes"'));
const NOBODYS_NODES = { nodes: noNodes, listNodes: noNodes as () => Promise<Node[]> };

/** Turns an answer that is no finite number into an error. */
function finite(reading: Reading | undefined): Reading {
  if (reading === undefined) return { error: 'the mapping gave no answer' };
  if ('error' in reading || Number.isFinite(reading.value)) return reading;
  return { error: `${reading.value} is not a finite number` };
}
