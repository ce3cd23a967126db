import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { withDeadline } from '../common/deadline';
import { messageOf, Unavailable } from '../common/errors';
import { Limiter } from '../common/limiter';
import { telemetry } from '../common/telemetry';
import type { Sql } from '../database/sql-pool';
import type { AlertSource, IncomingAlert } from './alert';
import type { KeptAlert } from './dedup';

/** Largest number of batches evaluated here at a time without the queue; `ALERTS_AT_ONCE` is the largest batch. */
export const SLOTS = 2;
export const ALERTS_AT_ONCE = 200;
const CLOSE_TIMEOUT_MS = 20_000;

/**
 * Inserts alerts in a transaction, and sends the statement for it before it waits for anything; where that gives false,
 * the transaction must be undone.
 */
export type Insert = (sql: Sql) => Promise<boolean>;

/** Evaluation of new alerts, by rules no older than those known here. */
export interface LocalEvaluation {
  /**
   * Evaluates alerts in the transaction in which they are inserted as processed, where that waits for nobody.
   *
   * @param ofRevision revision of the rules that ask for them
   * @returns what is to be done after the commit; undefined where nothing is inserted
   */
  insertEvaluated(
    source: AlertSource,
    alerts: readonly KeptAlert[],
    ofRevision: string,
    insert: Insert,
  ): Promise<(() => Promise<void>) | undefined>;
  /** Evaluates alerts that are being inserted, once it is known which of them were committed. */
  evaluate(
    source: AlertSource,
    alerts: readonly KeptAlert[],
    committed: Promise<readonly KeptAlert[]>,
  ): Promise<void>;
}

/** Writes the numbers of alerts that were sent again, in the form in which they came. */
type Repeat = (source: AlertSource, alerts: readonly IncomingAlert[]) => void;

/** Reports which alerts were committed; must be called once, whatever happens. */
export type WhenCommitted = (committed: readonly KeptAlert[]) => void;

/**
 * Evaluates new alerts in the process that took them in, if it also evaluates rules.
 *
 * A batch is inserted and evaluated in one transaction (`insertEvaluated`), or where that can't be, inserted first and
 * evaluated afterwards (`take`): it is prepared while it is inserted, and evaluated once `WhenCommitted` was called. It
 * holds one of `SLOTS` places until its evaluation ends. Without a free place, or with too large a batch, both refuse
 * and the alerts go to the queue. Always: what `take` fails to do is still unprocessed in PostgreSQL, and the sweep
 * queues it again.
 */
@Injectable()
export class LocalAlertDispatch implements OnModuleDestroy {
  private readonly logger = new Logger('Rules');
  private readonly places = new Limiter(SLOTS);
  private evaluation?: LocalEvaluation;
  private repeat?: Repeat;

  /** Sets what evaluates alerts. */
  offer(evaluation: LocalEvaluation): void {
    this.evaluation = evaluation;
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

  /**
   * Inserts a batch and evaluates it in one transaction. False when nothing is inserted, as it can't be evaluated here,
   * or not now: evaluating must never be why an alert is not taken.
   *
   * @throws Unavailable when it is not known whether they are inserted, as PostgreSQL is away
   */
  async insertEvaluated(
    source: AlertSource,
    alerts: readonly KeptAlert[],
    ofRevision: string,
    insert: Insert,
  ): Promise<boolean> {
    const evaluation = this.reserve(alerts);
    if (evaluation === undefined) return false;
    let follow: (() => Promise<void>) | undefined;
    try {
      follow = await evaluation.insertEvaluated(source, alerts, ofRevision, insert);
    } catch (error) {
      if (error instanceof Unavailable) throw error;
      this.logger.warn(`alerts could not be evaluated at once: ${messageOf(error)}`);
    } finally {
      if (follow === undefined) this.places.release(1);
    }
    if (follow === undefined) return false;
    telemetry.alertsHandedOver.inc(alerts.length);
    void follow()
      .catch((error) => this.logger.warn(`what follows from alerts waits for the sweep: ${messageOf(error)}`))
      .finally(() => this.places.release(1));
    return true;
  }

  /** Tells whether so many alerts may be evaluated here, if there is a place for them. */
  mayTake(count: number): boolean {
    return this.evaluation !== undefined && count > 0 && count <= ALERTS_AT_ONCE;
  }

  /** Takes a place for a batch; undefined when it can't be evaluated here, or not now. */
  private reserve({ length }: readonly KeptAlert[]): LocalEvaluation | undefined {
    return this.mayTake(length) && this.places.acquire(1) > 0 ? this.evaluation : undefined;
  }

  /** Takes a batch for evaluation here; undefined when it must go to the queue. */
  take(source: AlertSource, alerts: readonly KeptAlert[]): WhenCommitted | undefined {
    const evaluation = this.reserve(alerts);
    if (evaluation === undefined) return undefined;
    let settle!: WhenCommitted;
    const committed = new Promise<readonly KeptAlert[]>((resolve) => (settle = resolve));
    void evaluation
      .evaluate(source, alerts, committed)
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
    this.evaluation = undefined;
    await withDeadline(CLOSE_TIMEOUT_MS, () => this.places.idle()).catch((error) =>
      this.logger.warn(`alerts may still be evaluated: ${messageOf(error)}`),
    );
  }
}
