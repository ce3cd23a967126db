import type { Metric, Node, ReadContext } from '../metrics/metric';
import type { Reading } from '../common/reading';
import type { PlannedGroup } from './poll-plan';
import type { Polled } from './polled';

/** The readings of one service as they come in. */
export class Tally {
  private readonly readings: Record<string, Reading> = {};
  private isOver = false;

  /**
   * @param missing readings, one or more
   * @param whenDone called once; without readings when it was left out
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

/** What one service asks in a request. */
interface Asker {
  tally: Tally;
  metrics: readonly string[];
  /** For each metric, the number of its question in the request. */
  asks: readonly number[];
}

/** What goes out to one target together, each question once, and who gets the answers. */
export class PollRequest {
  readonly type: string;
  readonly timeoutMs: number;
  readonly strategy: Metric;
  readonly nodes: Pick<ReadContext, 'nodes' | 'listNodes'>;
  /** Of each question. The same list at every poll, where one service asks alone. */
  params: readonly object[];
  private readonly askers: Asker[];
  /** Made when a second service joins. */
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

  /** Another service asks in the same request. */
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

  /** Hands the answers out. @returns how many of the questions have a number for an answer */
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

  /** It never goes out. */
  giveUp(): void {
    for (const { tally } of this.askers) tally.leaveOut();
  }
}

/** A mapping that says nothing of nodes is read once for services of several infrastructures. */
const noNodes = (): Promise<never> =>
  Promise.reject(new Error('the mapping does not say that it asks for nodes; set "asksForNodes"'));
const NOBODYS_NODES = { nodes: noNodes, listNodes: noNodes as () => Promise<Node[]> };

/** A mapping that answers no finite number has read nothing. */
function finite(reading: Reading | undefined): Reading {
  if (reading === undefined) return { error: 'the mapping gave no answer' };
  if ('error' in reading || Number.isFinite(reading.value)) return reading;
  return { error: `${reading.value} is not a finite number` };
}
