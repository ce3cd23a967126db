import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import { withDeadline } from '../common/deadline';
import { messageOf } from '../common/errors';
import { telemetry } from '../common/telemetry';
import type { InfrastructureRow } from '../database/entities';
import type { Node } from '../metrics/metric';
import { Reads } from './reads';
import { Remembered } from './remembered';

const TIMEOUT_MS = 20_000;
/** Time after its end for which a list serves all who ask, such as the services of one batch, milliseconds. */
const FRESH_MS = 1_000;
const FAILED_MS = 5_000;
const NEVER = new AbortController().signal;

/** Lists the nodes of infrastructures with their addresses, by the metric each of them names. */
@Injectable()
export class NodeLister {
  private readonly lists: Remembered<Node[]>;

  constructor(
    private readonly reads: Reads,
    @Inject(CLOCK) clock: Clock,
  ) {
    this.lists = new Remembered(clock, { freshMs: FRESH_MS, failedMs: FAILED_MS });
  }

  /** Returns all nodes, as they were a moment ago. @throws Error saying why they can't be listed */
  known(infrastructure: Pick<InfrastructureRow, 'id' | 'name' | 'version' | 'nodes'>): Promise<Node[]> {
    const key = `${infrastructure.id}:${infrastructure.version}`;
    return this.lists.get(key, () => this.list(infrastructure, NEVER));
  }

  /** Lists all nodes now. @throws Error saying why they can't be listed */
  async list({ name, nodes }: Pick<InfrastructureRow, 'name' | 'nodes'>, stop: AbortSignal): Promise<Node[]> {
    try {
      if (nodes === null) throw new Error('it does not say how its nodes are counted; set its "nodes"');
      const read = this.reads.of(nodes, TIMEOUT_MS);
      await read.look();
      const { strategy, params } = read.open();
      if (strategy.nodes === undefined) throw new Error(`${nodes.type} does not tell where nodes are`);
      const listed = await withDeadline(TIMEOUT_MS, (signal) =>
        strategy.nodes!(params, { signal: AbortSignal.any([signal, stop]), timeoutMs: TIMEOUT_MS }),
      );
      telemetry.reads.inc({ type: nodes.type, outcome: 'value' });
      return listed;
    } catch (error) {
      telemetry.reads.inc({ type: nodes?.type ?? 'none', outcome: 'error' });
      throw new Error(`the nodes of ${name} can't be listed: ${messageOf(error)}`, { cause: error });
    }
  }
}
