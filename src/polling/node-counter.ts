import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import { messageOf } from '../common/errors';
import type { InfrastructureRow } from '../database/entities';
import { Poller } from './poller';
import { Reads } from './reads';
import { Remembered } from './remembered';

const TIMEOUT_MS = 10_000;
/** Time after its end for which a count serves all who ask, such as the services of one batch, milliseconds. */
const FRESH_MS = 1_000;
const FAILED_MS = 5_000;

/** Count of nodes at a moment; what was done after that moment may not be counted yet. */
export interface NodeCount {
  nodes: number;
  at: Date;
}

/** Counts the nodes of infrastructures by the metric each of them names. */
@Injectable()
export class NodeCounter {
  private readonly counts: Remembered<NodeCount>;

  constructor(
    private readonly reads: Reads,
    private readonly poller: Poller,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    this.counts = new Remembered(clock, { freshMs: FRESH_MS, failedMs: FAILED_MS });
  }

  /**
   * Returns a count, which may be up to `FRESH_MS` old.
   *
   * @throws Error saying why they can't be counted
   */
  count(infrastructure: Pick<InfrastructureRow, 'id' | 'name' | 'version' | 'nodes'>): Promise<NodeCount> {
    return this.counts.get(`${infrastructure.id}:${infrastructure.version}`, () => {
      const at = this.clock.now();
      return this.read(infrastructure).then((nodes) => ({ nodes, at }));
    });
  }

  private async read({ name, nodes }: Pick<InfrastructureRow, 'name' | 'nodes'>): Promise<number> {
    if (nodes === null)
      throw new Error(`infrastructure ${name} does not say how its nodes are counted; set its "nodes"`);
    const read = this.reads.of(nodes, TIMEOUT_MS);
    const ownNodes = () => Promise.reject(new Error('an infrastructure counts its own nodes'));
    const polled = { reads: { nodes: read }, countNodes: ownNodes, listNodes: ownNodes };
    try {
      for await (const [polling] of this.poller.poll([polled])) {
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
