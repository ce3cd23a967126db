import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import { messageOf } from '../common/errors';
import type { InfrastructureRow } from '../database/entities';
import { Poller } from './poller';
import { Reads } from './reads';

const TIMEOUT_MS = 10_000;
/** A count serves everybody who asks within this time of its end: the services of one batch. */
const FRESH_MS = 1_000;
/** What can't be counted is not asked again at once: each time somebody waits for it. */
const FAILED_MS = 5_000;
const MAX_REMEMBERED = 1_000;

/** How many nodes there were at a moment: whatever was done after it may not be counted yet. */
export interface NodeCount {
  nodes: number;
  at: Date;
}

interface Count {
  count: Promise<NodeCount>;
  /** Undefined while it is under way: then it serves everybody. */
  servesUntil?: number;
}

/** Counts the nodes of infrastructures by the metric each of them names. */
@Injectable()
export class NodeCounter {
  private readonly counts = new Map<string, Count>();

  constructor(
    private readonly reads: Reads,
    private readonly poller: Poller,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** @throws Error saying why they can't be counted */
  count(infrastructure: Pick<InfrastructureRow, 'id' | 'name' | 'version' | 'nodes'>): Promise<NodeCount> {
    const key = `${infrastructure.id}:${infrastructure.version}`;
    const known = this.counts.get(key);
    if (known !== undefined && (known.servesUntil ?? Infinity) > this.now()) return known.count;
    const at = this.clock.now();
    const begun: Count = { count: this.read(infrastructure).then((nodes) => ({ nodes, at })) };
    begun.count.then(
      () => (begun.servesUntil = this.now() + FRESH_MS),
      () => (begun.servesUntil = this.now() + FAILED_MS),
    );
    if (this.counts.size >= MAX_REMEMBERED) this.counts.clear();
    this.counts.set(key, begun);
    return begun.count;
  }

  private now(): number {
    return this.clock.now().getTime();
  }

  private async read({ name, nodes }: Pick<InfrastructureRow, 'name' | 'nodes'>): Promise<number> {
    if (nodes === null)
      throw new Error(`infrastructure ${name} does not say how its nodes are counted; set its "nodes"`);
    const read = this.reads.of(nodes, TIMEOUT_MS);
    const countNodes = () => Promise.reject(new Error('an infrastructure counts its own nodes'));
    try {
      for await (const [polling] of this.poller.poll([{ reads: { nodes: read }, countNodes }])) {
        const reading = polling!.readings.nodes!;
        if ('value' in reading) return whole(reading.value);
        throw new Error(reading.error);
      }
      throw new Error('nothing was read');
    } catch (error) {
      throw new Error(`the nodes of ${name} can't be counted: ${messageOf(error)}`, { cause: error });
    }
  }
}

function whole(value: number): number {
  if (!Number.isInteger(value) || value < 0) throw new Error(`${value} is no number of nodes`);
  return value;
}
