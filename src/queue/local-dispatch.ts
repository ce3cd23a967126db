import { Injectable } from '@nestjs/common';
import { Limiter } from '../common/limiter';
import { telemetry } from '../common/telemetry';
import type { ClaimedExecution } from './claimed-execution';

/** Executor that runs executions in this process. */
export interface LocalExecutor {
  /** Id of the worker that holds their leases; undefined while others may take it for dead. */
  readonly worker: string | undefined;
  /** Runs an execution and writes its outcome; never throws. */
  execute(claimed: ClaimedExecution): Promise<void>;
  /** Is told of executions that were written as begun, when nobody knows whether that was committed. */
  notBegun(ids: Iterable<string>): void;
}

/** Largest number of executions under way here that did not come over the queue. */
export const SLOTS = 1_024;

/**
 * Short way from a decision to its executions. In a process that both decides and executes, they are claimed in the
 * transaction of their decision and run once it is committed.
 *
 * Each of `SLOTS` is free, reserved (for executions being written), or taken by a running execution until that ends.
 * When none is free, executions go over the queue to any worker.
 */
@Injectable()
export class LocalDispatch {
  private executor?: LocalExecutor;
  private readonly free = new Limiter(SLOTS);

  /** Starts to use an executor. */
  offer(executor: LocalExecutor): void {
    this.executor = executor;
  }

  /**
   * Stops dispatching here.
   *
   * @returns promise of the end of all that runs
   */
  close(): Promise<void> {
    this.executor = undefined;
    return this.free.idle();
  }

  /** Returns a reservation for what follows from a batch of decisions; the caller must call `end`, whatever happens. */
  places(): SlotReservation {
    const { executor } = this;
    let held = 0;
    const written = new Set<string>();
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
      writes: (ids) => {
        for (const id of ids) written.add(id);
      },
      begin: (claimed) => {
        written.clear();
        giveBack(held - claimed.length);
        held = 0;
        telemetry.handedOver.inc(claimed.length);
        for (const one of claimed) void executor!.execute(one).finally(() => this.free.release(1));
      },
      end: () => {
        giveBack(held);
        if (written.size > 0) executor?.notBegun(written);
      },
    };
  }
}

/** Worker, and number of executions it will run. */
export interface Reserved {
  worker: string;
  count: number;
}

export interface SlotReservation {
  /**
   * Reserves as many as are free, up to `wanted`; releases those reserved before. Undefined when nothing is executed
   * here.
   */
  reserve(wanted: number): Reserved | undefined;
  /** Notes what is being written as begun: unless `begin` follows, it may have been committed, or not. */
  writes(ids: Iterable<string>): void;
  /** Runs what was written as begun, no more than was reserved; releases the rest. */
  begin(claimed: readonly ClaimedExecution[]): void;
  /** Releases what was reserved and did not begin; tells the executor what was written, and did not begin either. */
  end(): void;
}
