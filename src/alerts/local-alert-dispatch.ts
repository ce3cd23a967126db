import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { withDeadline } from '../common/deadline';
import { messageOf } from '../common/errors';
import { Semaphore } from '../common/semaphore';
import { telemetry } from '../common/telemetry';
import type { AlertSource, IncomingAlert } from './alert';
import type { KeptAlert } from './dedup';

/** Batches at a time that did not come over the queue, and alerts in one at most. */
export const SLOTS = 2;
export const ALERTS_AT_ONCE = 200;
const CLOSE_TIMEOUT_MS = 20_000;

/**
 * Evaluates alerts that are about to be inserted, once it is known which of them were committed, by rules no older
 * than those known here.
 */
type Evaluate = (
  source: AlertSource,
  alerts: readonly KeptAlert[],
  committed: Promise<readonly KeptAlert[]>,
) => Promise<void>;

/** Takes note of alerts that were sent again with the number they had, in the form in which they came. */
type Repeat = (source: AlertSource, alerts: readonly IncomingAlert[]) => void;

/** To be called once, whatever happens. */
export type WhenCommitted = (committed: readonly KeptAlert[]) => void;

/**
 * The short way from the intake to the rules. Where a process that takes alerts in evaluates them as well, it makes
 * ready while they are committed, and then begins with what it has of them; while it has enough to do, all others wait
 * on the queue for whoever is free.
 */
@Injectable()
export class LocalAlertDispatch implements OnModuleDestroy {
  private readonly logger = new Logger('Rules');
  private readonly places = new Semaphore(SLOTS);
  private evaluate?: Evaluate;
  private repeat?: Repeat;

  /** From now on, by this. */
  offer(evaluate: Evaluate): void {
    this.evaluate = evaluate;
  }

  /** Whoever keeps the history of numbers, from now on. */
  offerRepeats(repeat: Repeat): void {
    this.repeat = repeat;
  }

  /** A number that is sent again is a value of that moment too, though nothing changes. */
  repeated(source: AlertSource, alerts: readonly IncomingAlert[]): void {
    const numbers = alerts.filter(({ value }) => value !== undefined);
    if (numbers.length > 0) this.repeat?.(source, numbers);
  }

  /** Undefined when nobody here takes them now: they are for the queue. */
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

  /** Nothing begins here any more; what has begun puts on the queues what follows from it before they close. */
  async onModuleDestroy(): Promise<void> {
    this.evaluate = undefined;
    await withDeadline(CLOSE_TIMEOUT_MS, () => this.places.idle()).catch((error) =>
      this.logger.warn(`alerts may still be evaluated: ${messageOf(error)}`),
    );
  }
}
