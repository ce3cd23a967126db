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

/** Evaluates alerts that were inserted by a statement that knew the rules as this process knows them. */
type Evaluate = (alerts: readonly KeptAlert[]) => Promise<void>;

/**
 * The short way from the intake to the rules. Where a process that takes alerts in evaluates them as well, it begins
 * as soon as they are committed, with what it has of them; while it has enough to do, all others wait on the queue for
 * whoever is free.
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

  /** False when nobody here takes them now: they are for the queue. */
  take(alerts: readonly KeptAlert[]): boolean {
    if (this.evaluate === undefined || alerts.length > ALERTS_AT_ONCE) return false;
    if (alerts.length === 0) return true;
    if (this.places.acquire(1) === 0) return false;
    telemetry.alertsHandedOver.inc(alerts.length);
    void this.evaluate(alerts)
      .catch((error) =>
        this.logger.warn(
          `${alerts.length} alerts could not be evaluated, the sweep will see to them: ${messageOf(error)}`,
        ),
      )
      .finally(() => this.places.release(1));
    return true;
  }

  /** Nothing begins here any more; what has begun puts on the queues what follows from it before they close. */
  async onModuleDestroy(): Promise<void> {
    this.evaluate = undefined;
    await withDeadline(CLOSE_TIMEOUT_MS, () => this.places.idle()).catch((error) =>
      this.logger.warn(`alerts may still be evaluated: ${messageOf(error)}`),
    );
  }
}
