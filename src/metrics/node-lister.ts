import { Injectable } from '@nestjs/common';
import { withDeadline } from '../common/deadline';
import { messageOf } from '../common/errors';
import { telemetry } from '../common/telemetry';
import type { InfrastructureRow } from '../database/entities';
import type { Node } from './metric';
import { Reads } from './reads';

const TIMEOUT_MS = 20_000;

/** Tells where the nodes of infrastructures are, by the metric each of them names. */
@Injectable()
export class NodeLister {
  constructor(private readonly reads: Reads) {}

  /** All of them. @throws Error saying why they can't be listed */
  async list({ name, nodes }: Pick<InfrastructureRow, 'name' | 'nodes'>, stop: AbortSignal): Promise<Node[]> {
    try {
      if (nodes === null) throw new Error('it does not say how its nodes are counted; set its "nodes"');
      const { strategy, params } = this.reads.of(nodes, TIMEOUT_MS).open();
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
