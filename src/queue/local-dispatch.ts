import { Injectable } from '@nestjs/common';
import { Semaphore } from '../common/semaphore';
import { telemetry } from '../common/telemetry';
import type { ClaimedExecution } from './claimed-execution';

/** Carries executions out in this process. */
export interface LocalExecutor {
  /** Whose leases they hold; undefined while others may take it for dead. */
  readonly worker: string | undefined;
  /** Writes down what came of it; never throws. */
  execute(claimed: ClaimedExecution): Promise<void>;
}

/** Executions at a time that did not come over the queue. */
export const SLOTS = 1_024;

/**
 * The short way from a decision to what follows from it. Where a process that decides carries executions out as well,
 * they begin with their decision, in its transaction: claimed when they are written, and carried out once that is
 * committed. So many at a time; all others wait on the queue for whoever is free.
 */
@Injectable()
export class LocalDispatch {
  private executor?: LocalExecutor;
  private readonly free = new Semaphore(SLOTS);

  /** From now on, by these. */
  offer(executor: LocalExecutor): void {
    this.executor = executor;
  }

  /** Nothing begins here any more. @returns once all that did has ended */
  close(): Promise<void> {
    this.executor = undefined;
    return this.free.idle();
  }

  /** Places for what follows from a batch of decisions; whoever asks for them ends them, whatever happens. */
  places(): SlotReservation {
    const { executor } = this;
    let held = 0;
    const giveBack = (count: number): void => {
      held -= count;
      this.free.release(count);
    };
    return {
      reserve: (wanted) => {
        giveBack(held);
        if (executor === undefined || executor !== this.executor || executor.worker === undefined)
          return undefined;
        held = this.free.acquire(wanted);
        return { worker: executor.worker, count: held };
      },
      begin: (claimed) => {
        giveBack(held - claimed.length);
        held = 0;
        telemetry.handedOver.inc(claimed.length);
        for (const one of claimed) void executor!.execute(one).finally(() => this.free.release(1));
      },
      end: () => giveBack(held),
    };
  }
}

/** Who begins how many. */
export interface Reserved {
  worker: string;
  count: number;
}

export interface SlotReservation {
  /** As many as there are; those that were reserved before are given back. Undefined where nobody carries out. */
  reserve(wanted: number): Reserved | undefined;
  /** Carries out what was written down as begun, no more than was reserved; what is left is given back. */
  begin(claimed: readonly ClaimedExecution[]): void;
  /** Gives back what was reserved and did not begin. */
  end(): void;
}
