import { Controller, Get, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CLOCK, type Clock } from '../common/clock';
import { Conflict, messageOf } from '../common/errors';
import type { InfrastructureRow } from '../database/entities';
import { Infrastructures } from '../infrastructures/infrastructures';
import { Ledger } from './ledger';
import { RuleBook } from './rule-book';

/** How many nodes an infrastructure has, as a rule would count them. */
@ApiTags('infrastructures')
@ApiBearerAuth()
@Controller('api/v1/infrastructures/:ref')
export class CapacityController {
  constructor(
    private readonly infrastructures: Infrastructures,
    private readonly ruleBook: RuleBook,
    private readonly ledger: Ledger,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Get('capacity')
  @ApiOperation({ summary: 'Nodes there are, nodes in flight, and the limits' })
  async capacity(@Param('ref') reference: string) {
    const row = await this.infrastructures.store.get(reference);
    const { minNodes, maxNodes } = row;
    const frozen = await this.frozen(row);
    try {
      const { nodes: current, at } = await this.ruleBook.countNodes(row);
      const inFlight = await this.inFlight(row, at);
      return { current, inFlight, effective: current + inFlight, minNodes, maxNodes, ...frozen };
    } catch (error) {
      const inFlight = await this.inFlight(row);
      return {
        current: null,
        inFlight,
        effective: null,
        minNodes,
        maxNodes,
        ...frozen,
        error: messageOf(error),
      };
    }
  }

  @Post('end-freeze')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Lets it be scaled again at once after it went up and down too often; 409 when it is not frozen',
  })
  async endFreeze(@Param('ref') reference: string) {
    const { id, name } = await this.infrastructures.store.get(reference);
    if (!(await this.ledger.endFreeze(id, this.clock.now()))) {
      throw new Conflict(`infrastructure ${name} is not frozen`);
    }
    return this.capacity(reference);
  }

  private async frozen({ id }: InfrastructureRow): Promise<{ frozenUntil?: string }> {
    const frozenUntil = (await this.ledger.scalings([id])).get(id)?.frozenUntil ?? 0;
    return frozenUntil > this.clock.now().getTime()
      ? { frozenUntil: new Date(frozenUntil).toISOString() }
      : {};
  }

  private async inFlight(row: InfrastructureRow, countedAt = this.clock.now()): Promise<number> {
    const nodes = await this.ruleBook.inFlight([row], this.clock.now(), new Map([[row.id, countedAt]]));
    return nodes.get(row.id) ?? 0;
  }
}
