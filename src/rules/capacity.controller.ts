import { Controller, Get, Inject, Param } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CLOCK, type Clock } from '../common/clock';
import { messageOf } from '../common/errors';
import type { InfrastructureRow } from '../database/entities';
import { Infrastructures } from '../infrastructures/infrastructures';
import { RuleBook } from './rule-book';

/** How many nodes an infrastructure has, as a rule would count them. */
@ApiTags('infrastructures')
@ApiBearerAuth()
@Controller('api/v1/infrastructures/:ref/capacity')
export class CapacityController {
  constructor(
    private readonly infrastructures: Infrastructures,
    private readonly ruleBook: RuleBook,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Nodes there are, nodes in flight, and the limits' })
  async capacity(@Param('ref') reference: string) {
    const row = await this.infrastructures.store.get(reference);
    const { minNodes, maxNodes } = row;
    try {
      const { nodes: current, at } = await this.ruleBook.countNodes(row);
      const inFlight = await this.inFlight(row, at);
      return { current, inFlight, effective: current + inFlight, minNodes, maxNodes };
    } catch (error) {
      const inFlight = await this.inFlight(row);
      return { current: null, inFlight, effective: null, minNodes, maxNodes, error: messageOf(error) };
    }
  }

  private async inFlight(row: InfrastructureRow, countedAt = this.clock.now()): Promise<number> {
    const nodes = await this.ruleBook.inFlight([row], this.clock.now(), new Map([[row.id, countedAt]]));
    return nodes.get(row.id) ?? 0;
  }
}
