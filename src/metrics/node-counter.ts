import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import { messageOf } from '../common/errors';
import type { InfrastructureRow } from '../database/entities';
import { Poller } from './poller';
import { Reads } from './reads';

const TIMEOUT_MS = 20_000;
/** A count serves everybody who asks within this time: the services of one batch. */
const FRESH_MS = 1_000;
const MAX_REMEMBERED = 1_000;

/** Counts the nodes of infrastructures by the metric each of them names. */
@Injectable()
export class NodeCounter {
  private readonly counts = new Map<string, { at: number; count: Promise<number> }>();

  constructor(
    private readonly reads: Reads,
    private readonly poller: Poller,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** @throws Error saying why they can't be counted */
  count(infrastructure: Pick<InfrastructureRow, 'id' | 'name' | 'version' | 'nodes'>): Promise<number> {
    const key = `${infrastructure.id}:${infrastructure.version}`;
    const now = this.clock.now().getTime();
    const known = this.counts.get(key);
    if (known !== undefined && Math.abs(now - known.at) < FRESH_MS) return known.count;
    const count = this.read(infrastructure);
    count.catch(() => undefined);
    if (this.counts.size >= MAX_REMEMBERED) this.counts.clear();
    this.counts.set(key, { at: now, count });
    return count;
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
