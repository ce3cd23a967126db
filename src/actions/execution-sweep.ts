import {
  Inject,
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import { Periodic } from '../common/periodic';
import { telemetry } from '../common/telemetry';
import { Queues } from '../queue/queues';
import { Executions } from './executions';

const EVERY_MS = 2_000;
/** A job this late may be lost. One that is only delayed keeps its place on the queue: its id is known there. */
const LATE_MS = 3_000;
const AT_ONCE = 2_000;

/** Puts back on the queue what Redis lost, and what a dead worker left behind; ends approvals that nobody gave. */
@Injectable()
export class ExecutionSweep implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly rounds = new Periodic('ExecutionSweep', EVERY_MS, () => this.sweep());

  constructor(
    private readonly executions: Executions,
    private readonly queues: Queues,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  onApplicationBootstrap(): void {
    this.rounds.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.rounds.stop();
  }

  async sweep(): Promise<void> {
    const now = this.clock.now();
    await this.executions.expireApprovals(now);
    const overdue = await this.executions.overdue(new Date(now.getTime() - LATE_MS), AT_ONCE);
    if (await this.queues.addExecutions(overdue, now))
      telemetry.swept.inc({ what: 'executions' }, overdue.length);
    const lost = await this.executions.lost(now, AT_ONCE);
    if (await this.queues.addLostExecutions(lost))
      telemetry.swept.inc({ what: 'lost_executions' }, lost.length);
  }
}
