import type { Reading } from '../common/reading';
import type { Metric, Node, ReadContext } from '../metrics/metric';
import { joined } from './poll-plan';
import type { JoinedGroups, PlannedGroup } from './planned';
import type { Polled, Polling } from './polled';

/** Service that takes part in requests. */
export interface Asker {
  readonly polled: Polled;
  take(metric: string, reading: Reading): void;
  /** Leaves it out of this poll. */
  leaveOut(): void;
}

/** Collects the readings of one service until all have come or it is left out. */
export class Tally<P extends Polled> implements Polling<P>, Asker {
  readonly readings: Record<string, Reading> = {};
  private isOver = false;

  /**
   * @param missing number of readings to come, one or more
   * @param whenOver called once
   */
  constructor(
    readonly polled: P,
    readonly index: number,
    private missing: number,
    private readonly whenOver: (tally: Tally<P>, isRead: boolean) => void,
  ) {}

  take(metric: string, reading: Reading): void {
    this.readings[metric] = reading;
    this.missing -= 1;
    if (this.missing === 0) this.end(true);
  }

  leaveOut(): void {
    this.end(false);
  }

  private end(isRead: boolean): void {
    if (this.isOver) return;
    this.isOver = true;
    this.whenOver(this, isRead);
  }
}

/** Request to one target: the questions of several services, each once, and who gets the answers. */
export class PollRequest {
  private readonly groups: PlannedGroup[];
  private readonly askers: Asker[];
  /** What several groups are together. */
  private together?: JoinedGroups;
  /** Params of each question. The same array at every poll, as long as the same services ask together. */
  params: readonly object[];

  constructor(
    private readonly first: PlannedGroup,
    asker: Asker,
  ) {
    this.params = first.params;
    this.groups = [first];
    this.askers = [asker];
  }

  get type(): string {
    return this.first.type;
  }

  get timeoutMs(): number {
    return this.first.timeoutMs;
  }

  get strategy(): Metric {
    return this.first.strategy;
  }

  /** The nodes that its answers are about. */
  get nodes(): Pick<ReadContext, 'nodes' | 'listNodes'> {
    if (!this.first.asksForNodes) return NOBODYS_NODES;
    const { polled } = this.askers[0]!;
    return { nodes: () => polled.countNodes(), listNodes: () => polled.listNodes() };
  }

  /** Adds the questions of another service. */
  join(group: PlannedGroup, asker: Asker): void {
    this.groups.push(group);
    this.askers.push(asker);
  }

  /** Takes no more services: puts their questions together. */
  close(): void {
    if (this.groups.length === 1) this.first.joined = undefined;
    else {
      this.together = joined(this.groups);
      this.params = this.together.params;
    }
  }

  /** Hands the answers out. @returns the number of questions that have a number for an answer */
  settle(readings: readonly (Reading | undefined)[]): number {
    const answers = this.params.map((_, number) => finite(readings[number]));
    const places = this.together?.places;
    let place = 0;
    for (let service = 0; service < this.groups.length; service++) {
      const { metrics, asks } = this.groups[service]!;
      const asker = this.askers[service]!;
      for (let index = 0; index < metrics.length; index++) {
        const number = places === undefined ? asks[index]! : places[place++]!;
        asker.take(metrics[index]!, answers[number]!);
      }
    }
    let values = 0;
    for (const answer of answers) if ('value' in answer) values += 1;
    return values;
  }

  /** Leaves out all services of a request that never goes out. */
  giveUp(): void {
    for (const asker of this.askers) asker.leaveOut();
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
