import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import { Recurring } from '../common/periodic';
import { telemetry } from '../common/telemetry';
import { SignOfLife } from '../database/sign-of-life';
import { Queues } from '../queue/queues';
import { Executions } from './executions';
import { TestExecutions } from './test-executions';
import { WaitingExecutions } from './waiting-executions';

const EVERY_MS = 2_000;
/**
 * Delay after which a job may be lost, milliseconds. A job that is only delayed is not queued twice: the queue knows
 * its id.
 */
const LATE_MS = 3_000;
const AT_ONCE = 2_000;
/** Time before its moment at which a waiting execution is queued, milliseconds; two rounds see each one. */
const NEAR_MS = 2 * EVERY_MS;

/** Sweep that queues again what Redis lost and what dead workers left behind, and ends approvals that have expired. */
@Injectable()
export class ExecutionSweep extends Recurring {
  constructor(
    private readonly executions: Executions,
    private readonly waiting: WaitingExecutions,
    private readonly tests: TestExecutions,
    private readonly queues: Queues,
    life: SignOfLife,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    super(EVERY_MS);
    // Whoever judges by signs of life must know for how long there could be any.
    life.begin();
  }

  override async round(): Promise<void> {
    const now = this.clock.now();
    const until = new Date(now.getTime() + NEAR_MS);
    const late = new Date(now.getTime() - LATE_MS);
    // Mostly there is nothing to do, which one statement tells.
    const look = await this.executions.look(now, until);
    telemetry.oldestDue.set(look.oldestDueSeconds);
    telemetry.held.set(look.held);
    if (look.expired) await this.executions.expireApprovals(now);
    if (look.tests) await this.tests.endLost();
    if (look.near) await this.queueDue(now, until, late);
    if (look.waiting) await this.askAgain(now, late);
    if (look.running) await this.takeOver();
  }

  /** Queues those that are near their moment, and again those whose jobs are lost. */
  private async queueDue(now: Date, until: Date, late: Date): Promise<void> {
    await this.queues.addExecutions(await this.executions.near(now, until, AT_ONCE), now);
    const overdue = await this.executions.overdue(late, AT_ONCE);
    // While as many wait on the queue as are late, workers are behind and nothing is lost.
    const isLost = overdue.length > 0 && (await this.queues.waitingExecutions()) < overdue.length;
    if (isLost && (await this.queues.addExecutions(overdue, now)))
      telemetry.swept.inc({ what: 'executions' }, overdue.length);
  }

  /** Queues those again whose targets should have been asked. */
  private async askAgain(now: Date, late: Date): Promise<void> {
    const waiting = await this.waiting.overdue(late, AT_ONCE);
    if (waiting.length > 0 && (await this.queues.addWaiting(waiting, now)))
      telemetry.swept.inc({ what: 'waiting_executions' }, waiting.length);
  }

  /** Queues those whose worker is gone. */
  private async takeOver(): Promise<void> {
    const lost = await this.executions.lost(AT_ONCE);
    if (lost.length > 0 && (await this.queues.addLostExecutions(lost)))
      telemetry.swept.inc({ what: 'lost_executions' }, lost.length);
  }
}
