import { Controller, Get, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Needs } from '../auth/access';
import { CLOCK, type Clock } from '../common/clock';
import { Conflict, messageOf } from '../common/errors';
import type { InfrastructureRow } from '../database/entities';
import { standingOf } from '../engine/asked';
import { Infrastructures } from '../infrastructures/infrastructures';
import { NodeCounter } from '../polling/node-counter';
import { Ledger } from './ledger';
import { Answers, decimal, moment, object, orNull, shape, text, whole } from '../common/shapes';

const CAPACITY = shape(
  'Capacity',
  object(
    {
      current: orNull(decimal),
      inFlight: orNull(decimal),
      effective: orNull(decimal),
      minNodes: whole,
      maxNodes: whole,
    },
    { awaitingApproval: decimal, frozenUntil: moment, error: text },
  ),
);

/** Number of nodes of an infrastructure, as a rule would count them, over HTTP. */
@ApiTags('infrastructures')
@ApiBearerAuth()
@Controller('api/v1/infrastructures/:ref')
export class CapacityController {
  constructor(
    private readonly infrastructures: Infrastructures,
    private readonly counter: NodeCounter,
    private readonly ledger: Ledger,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Get('capacity')
  @Needs('viewer')
  @ApiOperation({ summary: 'Nodes there are, nodes in flight, and the limits' })
  @Answers(CAPACITY)
  async capacity(@Param('ref') reference: string) {
    const row = await this.infrastructures.store.get(reference);
    const { minNodes, maxNodes } = row;
    const limits = { minNodes, maxNodes, ...(await this.frozen(row)) };
    try {
      const { nodes, at } = await this.counter.count(row);
      const { asks } = await this.ledger.lookAt([row.id]);
      const { current, inFlight, unapproved } = standingOf(
        asks.get(row.id) ?? [],
        { nodes, at: at.getTime() },
        row.warmupSeconds * 1000,
        this.clock.now().getTime(),
      ).capacity;
      const awaitingApproval = (unapproved?.up ?? 0) + (unapproved?.down ?? 0);
      return {
        current,
        inFlight,
        effective: current + inFlight,
        ...(awaitingApproval === 0 ? {} : { awaitingApproval }),
        ...limits,
      };
    } catch (error) {
      // What of it is still to come can't be told without a count.
      return { current: null, inFlight: null, effective: null, ...limits, error: messageOf(error) };
    }
  }

  @Post('end-freeze')
  @Needs('operator')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Lets it be scaled again at once after it went up and down too often; 409 when it is not frozen',
  })
  @Answers(CAPACITY)
  async endFreeze(@Param('ref') reference: string) {
    const { id, name } = await this.infrastructures.store.get(reference);
    if (!(await this.ledger.endFreeze({ id, name }, this.clock.now()))) {
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
}
