import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import { Recurring } from '../common/periodic';
import { SignOfLife } from '../database/sign-of-life';
import { Queues } from '../queue/queues';
import { LoadBalancerStates } from './load-balancer-states';

const EVERY_MS = 2_000;
const AT_ONCE = 500;

/** Queues load balancers that are due, or whose infrastructure has just changed. */
@Injectable()
export class LoadBalancerSweep extends Recurring {
  constructor(
    private readonly states: LoadBalancerStates,
    private readonly queues: Queues,
    life: SignOfLife,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    super(EVERY_MS);
    life.begin();
  }

  override async round(): Promise<void> {
    await this.states.hastenChanged(this.clock.now());
    await this.queues.addSyncs(await this.states.due(AT_ONCE));
  }
}
