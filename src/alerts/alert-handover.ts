import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { withDeadline } from '../common/deadline';
import { messageOf } from '../common/errors';
import { Semaphore } from '../common/semaphore';
import { telemetry } from '../common/telemetry';
import type { KeptAlert } from './fold';

/** Batches at a time that did not come over the queue, and alerts in one at most. */
export const PLACES = 2;
export const ALERTS_AT_ONCE = 200;
const CLOSE_TIMEOUT_MS = 20_000;

/**
 * Evaluates alerts that are about to be inserted, once it is known which of them were committed, by rules no older
 * than those known here.
 */
type Evaluate = (alerts: readonly KeptAlert[], committed: Promise<readonly KeptAlert[]>) => Promise<void>;

/** To be called once, whatever happens. */
export type WhenCommitted = (committed: readonly KeptAlert[]) => void;

/**
 * The short way from the intake to the rules. Where a process that takes alerts in evaluates them as well, it makes
 * ready while they are committed, and then begins with what it has of them; while it has enough to do, all others wait
 * on the queue for whoever is free.
 */
@Injectable()
export class AlertHandover implements OnModuleDestroy {
  private readonly logger = new Logger('Rules');
  private readonly places = new Semaphore(PLACES);
  private evaluate?: Evaluate;

  /** From now on, by this. */
  offer(evaluate: Evaluate): void {
    this.evaluate = evaluate;
  }

  /** Undefined when nobody here takes them now: they are for the queue. */
  take(alerts: readonly KeptAlert[]): WhenCommitted | undefined {
    if (this.evaluate === undefined || alerts.length === 0 || alerts.length > ALERTS_AT_ONCE)
      return undefined;
    if (this.places.acquire(1) === 0) return undefined;
    let settle!: WhenCommitted;
    const committed = new Promise<readonly KeptAlert[]>((resolve) => (settle = resolve));
    void this.evaluate(alerts, committed)
      .catch((error) =>
        this.logger.warn(`alerts could not be evaluated, the sweep will see to them: ${messageOf(error)}`),
      )
      .finally(() => this.places.release(1));
    return (fresh) => {
      telemetry.alertsHandedOver.inc(fresh.length);
      settle(fresh);
    };
  }

  /** Nothing begins here any more; what has begun puts on the queues what follows from it before they close. */
  async onModuleDestroy(): Promise<void> {
    this.evaluate = undefined;
    await withDeadline(CLOSE_TIMEOUT_MS, () => this.places.idle()).catch((error) =>
      this.logger.warn(`alerts may still be evaluated: ${messageOf(error)}`),
    );
  }
}
