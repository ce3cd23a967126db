import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { withDeadline } from '../common/deadline';
import { messageOf } from '../common/errors';
import { Limiter } from '../common/limiter';
import { telemetry } from '../common/telemetry';
import type { AlertSource, IncomingAlert } from './alert';
import type { KeptAlert } from './dedup';

/** Largest number of batches evaluated here at a time without the queue; `ALERTS_AT_ONCE` is the largest batch. */
export const SLOTS = 2;
export const ALERTS_AT_ONCE = 200;
const CLOSE_TIMEOUT_MS = 20_000;

/**
 * Evaluates alerts that are being inserted, once it is known which of them were committed, by rules no older than those
 * known here.
 */
type Evaluate = (
  source: AlertSource,
  alerts: readonly KeptAlert[],
  committed: Promise<readonly KeptAlert[]>,
) => Promise<void>;

/** Writes the numbers of alerts that were sent again, in the form in which they came. */
type Repeat = (source: AlertSource, alerts: readonly IncomingAlert[]) => void;

/** Reports which alerts were committed; must be called once, whatever happens. */
export type WhenCommitted = (committed: readonly KeptAlert[]) => void;

/**
 * Evaluates new alerts in the process that took them in, if it also evaluates rules.
 *
 * A batch holds one of `SLOTS` places from `take` until its evaluation ends. It is prepared while it is inserted, and
 * evaluated once `WhenCommitted` was called. Without a free place, or with too large a batch, `take` refuses and the
 * alerts go to the queue. Always: what fails here is still unprocessed in PostgreSQL, and the sweep queues it again.
 */
@Injectable()
export class LocalAlertDispatch implements OnModuleDestroy {
  private readonly logger = new Logger('Rules');
  private readonly places = new Limiter(SLOTS);
  private evaluate?: Evaluate;
  private repeat?: Repeat;

  /** Sets the function that evaluates alerts. */
  offer(evaluate: Evaluate): void {
    this.evaluate = evaluate;
  }

  /** Sets the function that writes repeated numbers. */
  offerRepeats(repeat: Repeat): void {
    this.repeat = repeat;
  }

  /** Passes on alerts that were sent again with a number: it is a sample of that moment, though nothing changes. */
  repeated(source: AlertSource, alerts: readonly IncomingAlert[]): void {
    const numbers = alerts.filter(({ value }) => value !== undefined);
    if (numbers.length > 0) this.repeat?.(source, numbers);
  }

  /** Takes a batch for evaluation here; undefined when it must go to the queue. */
  take(source: AlertSource, alerts: readonly KeptAlert[]): WhenCommitted | undefined {
    if (this.evaluate === undefined || alerts.length === 0 || alerts.length > ALERTS_AT_ONCE)
      return undefined;
    if (this.places.acquire(1) === 0) return undefined;
    let settle!: WhenCommitted;
    const committed = new Promise<readonly KeptAlert[]>((resolve) => (settle = resolve));
    void this.evaluate(source, alerts, committed)
      .catch((error) =>
        this.logger.warn(`alerts could not be evaluated, the sweep will see to them: ${messageOf(error)}`),
      )
      .finally(() => this.places.release(1));
    return (fresh) => {
      telemetry.alertsHandedOver.inc(fresh.length);
      settle(fresh);
    };
  }

  /** Refuses new batches, and waits until those under way have put on the queues what follows from them. */
  async onModuleDestroy(): Promise<void> {
    this.evaluate = undefined;
    await withDeadline(CLOSE_TIMEOUT_MS, () => this.places.idle()).catch((error) =>
      this.logger.warn(`alerts may still be evaluated: ${messageOf(error)}`),
    );
  }
}
