import { Whole } from '../common/fields';
import type { Direction } from '../engine/types';
import { PolicyMapping, type Policy } from './policy';

export class FixedParams {
  @Whole({
    description: 'How many nodes each trigger adds or removes',
    unit: 'nodes',
    minimum: 1,
    maximum: 10_000,
  })
  nodes = 1;
}

@PolicyMapping({
  type: 'fixed',
  title: 'Fixed number of nodes',
  description: 'Every trigger asks for the same number of nodes more, or fewer.',
  params: FixedParams,
})
export class Fixed implements Policy<FixedParams> {
  wish(
    { nodes }: FixedParams,
    { effective, direction }: { effective: number; direction: Direction },
  ): number {
    return direction === 'up' ? effective + nodes : effective - nodes;
  }
}
