import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import { Recurring } from '../common/periodic';
import { Queues } from '../queue/queues';
import { LoadBalancerStates } from './load-balancer-states';

const EVERY_MS = 2_000;
const AT_ONCE = 500;

/** Puts load balancers on the queue whose moment has come, or whose infrastructure has just been changed. */
@Injectable()
export class LoadBalancerSweep extends Recurring {
  constructor(
    private readonly states: LoadBalancerStates,
    private readonly queues: Queues,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    super(EVERY_MS);
  }

  override async round(): Promise<void> {
    const now = this.clock.now();
    await this.states.hastenChanged(now);
    await this.queues.addSyncs(await this.states.due(now, AT_ONCE));
  }
}
