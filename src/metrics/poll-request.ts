import type { Metric, Node, ReadContext, Reading } from './metric';
import type { Polled } from './poller';
import type { Opened, Read } from './reads';

/** The readings of one service as they come in. */
export class Tally {
  private readonly readings: Record<string, Reading> = {};
  /** One more than the metrics that are out: all must have been asked for. */
  private missing = 1;
  private isOver = false;

  /** @param whenDone called once; without readings when it was left out */
  constructor(private readonly whenDone: (readings?: Readonly<Record<string, Reading>>) => void) {}

  await(): void {
    this.missing += 1;
  }

  /** Everything is asked for. */
  complete(): void {
    this.missing -= 1;
    if (this.missing === 0) this.end(this.readings);
  }

  take(metric: string, reading: Reading): void {
    this.readings[metric] = reading;
    this.complete();
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

/** What goes out to one target together, and where each answer goes. */
export class PollRequest {
  readonly type: string;
  readonly timeoutMs: number;
  readonly strategy: Metric;
  /** Of each question, asked once. */
  readonly params: object[] = [];
  readonly nodes: Pick<ReadContext, 'nodes' | 'listNodes'>;
  private readonly questions = new Map<string, number>();
  /** Taker by taker, the question and who takes its answer under which name. Flat: there may be many thousands. */
  private readonly asked: number[] = [];
  private readonly tallies: Tally[] = [];
  private readonly metrics: string[] = [];

  /** @param polled the first of the services that share it */
  constructor({ type, timeoutMs }: Read, { strategy, asksForNodes }: Opened, polled: Polled) {
    this.type = type;
    this.timeoutMs = timeoutMs;
    this.strategy = strategy;
    this.nodes = asksForNodes
      ? { nodes: () => polled.countNodes(), listNodes: () => polled.listNodes() }
      : NOBODYS_NODES;
  }

  add({ question, params }: Opened, tally: Tally, metric: string): void {
    let number = this.questions.get(question);
    if (number === undefined) {
      number = this.params.push(params) - 1;
      this.questions.set(question, number);
    }
    this.asked.push(number);
    this.tallies.push(tally);
    this.metrics.push(metric);
  }

  /** Hands the answers out. @returns how many of the questions have a number for an answer */
  settle(readings: readonly (Reading | undefined)[]): number {
    const answers = this.params.map((_, number) => finite(readings[number]));
    for (let taker = 0; taker < this.asked.length; taker++)
      this.tallies[taker]!.take(this.metrics[taker]!, answers[this.asked[taker]!]!);
    let values = 0;
    for (const answer of answers) if ('value' in answer) values += 1;
    return values;
  }

  /** It never goes out. */
  giveUp(): void {
    for (const tally of this.tallies) tally.leaveOut();
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
