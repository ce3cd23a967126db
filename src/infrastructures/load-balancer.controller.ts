import { Controller, Get, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Needs } from '../auth/access';
import { CLOCK, type Clock } from '../common/clock';
import { Conflict, NotFound } from '../common/errors';
import { KillSwitch } from '../kill-switch/kill-switch';
import { LoadBalancerStates, type ShownLoadBalancer } from '../load-balancers/load-balancer-states';
import { Infrastructures } from './infrastructures';
import { Answers, list, moment, object, oneOf, shape, text } from '../common/shapes';

const SEAT = object(
  { member: text, state: oneOf(['in', 'down', 'draining', 'disabled', 'foreign']) },
  { address: text, node: text, drainUntil: moment },
);
const CHANGE_MADE = object(
  {
    change: oneOf(['add', 'enable', 'disable', 'remove']),
    why: text,
    at: moment,
    member: text,
    outcome: text,
  },
  { error: text },
);
const LOAD_BALANCER = shape(
  'LoadBalancer',
  object(
    { members: list(SEAT), changes: list(CHANGE_MADE), nextSyncAt: moment },
    { pool: text, outcome: text, since: moment, explanation: text, error: text, lastSyncAt: moment },
  ),
);

/** HTTP API of the load balancer of an infrastructure: its state, and a sync at once. */
@ApiTags('infrastructures')
@ApiBearerAuth()
@Controller('api/v1/infrastructures/:ref/load-balancer')
export class LoadBalancerController {
  constructor(
    private readonly infrastructures: Infrastructures,
    private readonly states: LoadBalancerStates,
    private readonly killSwitch: KillSwitch,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Get()
  @Needs('viewer')
  @ApiOperation({
    summary:
      'Members of its pool and what each of them is, the last changes and why, the last sync and the next',
  })
  @Answers(LOAD_BALANCER)
  async get(@Param('ref') reference: string): Promise<ShownLoadBalancer> {
    const { id } = await this.infrastructures.store.get(reference);
    return this.shown(id, reference);
  }

  @Post('sync')
  @Needs('operator')
  @HttpCode(202)
  @ApiOperation({ summary: 'Makes its next sync due at once; 409 while the kill switch is on' })
  @Answers(LOAD_BALANCER, { status: 202 })
  async sync(@Param('ref') reference: string): Promise<ShownLoadBalancer> {
    const { id, name } = await this.infrastructures.store.get(reference);
    if (await this.killSwitch.isOn()) throw new Conflict('the kill switch is on: nothing is changed');
    if (!(await this.states.hasten({ id, name }, this.clock.now()))) throw none(reference);
    return this.shown(id, reference);
  }

  private async shown(id: string, reference: string): Promise<ShownLoadBalancer> {
    const shown = await this.states.show(id, this.clock.now());
    if (shown === undefined) throw none(reference);
    return shown;
  }
}

const none = (reference: string): NotFound => new NotFound('load balancer of an infrastructure', reference);
