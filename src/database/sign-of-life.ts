import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { systemLead } from '../common/clock';
import { Unavailable } from '../common/errors';
import { newId } from '../common/ids';
import { Periodic } from '../common/periodic';
import { SharedRun } from '../common/shared-run';
import { Database } from './database';

const EVERY_MS = 2_000;
const SIGN_MS = 2_000;
/**
 * Time for which a process trusts its own last sign, milliseconds: shorter than others do, since what it does next
 * takes time as well.
 */
const GOOD_MS = 5_000;
/** Age of a worker's last sign, by PostgreSQL's clock, from which it counts as dead, seconds. */
export const DEAD_AFTER_SECONDS = 7;
/**
 * Time that living workers need to give a sign after an outage of PostgreSQL, milliseconds. Shorter at start, since
 * usually there was no outage.
 */
const OTHERS_NEED_MS = 8_000;
const OTHERS_NEED_AT_START_MS = 3_000;

/**
 * Returns an SQL condition: the worker with the id in `column` has given signs of life and no longer does. A worker
 * that never gave any is of a release without signs; only its leases tell.
 */
export const isDead = (column: string): string =>
  `EXISTS (SELECT FROM workers w WHERE w.id = ${column}
     AND w.seen_at < statement_timestamp() - interval '${DEAD_AFTER_SECONDS} seconds')`;

/**
 * Signs of life of this process: a row that it writes every two seconds, so that others soon take over its work when it
 * dies. Only processes that hold work, or judge others, give signs.
 *
 * Good: the last written sign is younger than 5 s, by the monotonic clock and the wall clock. Not good: others may have
 * taken this process for dead. Before it claims work or does what can't be undone, a process waits for `good()`: so a
 * stopped process or a blocked event loop is noticed. `canJudge` is true only when signs have been written long enough
 * for every living worker to have given one, so nobody counts as dead because PostgreSQL was away.
 */
@Injectable()
export class SignOfLife implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('SignOfLife');
  /** Id of this process in leases. */
  readonly worker = newId();
  private readonly rounds = new Periodic('SignOfLife', EVERY_MS, () => this.give.run());
  private readonly give = new SharedRun(() => this.write());
  private isWanted = false;
  /** Moment at which the last written sign was sent, by the monotonic clock, and the wall clock's lead over it then. */
  private sent = { at: -Infinity, lead: 0 };
  /** Moment since which signs are given without a gap, and the time others may need from then on. */
  private steady = { since: Infinity, othersNeedMs: OTHERS_NEED_AT_START_MS };

  constructor(private readonly database: Database) {}

  /** Makes this process give signs; called before the program is up. */
  begin(): void {
    this.isWanted = true;
  }

  onApplicationBootstrap(): void {
    if (this.isWanted) this.rounds.start();
  }

  /** True while all others know that this process lives. */
  get isGood(): boolean {
    // The monotonic clock stands still while a machine sleeps; the other may be set. The worse of them counts.
    const elapsed = performance.now() - this.sent.at;
    return Math.max(elapsed, elapsed + systemLead() - this.sent.lead) < GOOD_MS;
  }

  /**
   * True when every living worker must have given a sign; right after an outage of PostgreSQL, everybody's sign is old.
   */
  get canJudge(): boolean {
    return this.isGood && performance.now() - this.steady.since > this.steady.othersNeedMs;
  }

  /**
   * Resolves once this process's sign is good.
   *
   * @throws Unavailable when none can be written
   */
  async good(): Promise<void> {
    if (this.isGood) return;
    await this.give.run();
    if (!this.isGood) throw new Unavailable('PostgreSQL takes too long to note that this process lives');
  }

  /** Stops giving signs, after all work of this process has ended. */
  async onApplicationShutdown(): Promise<void> {
    await this.rounds.stop();
  }

  private async write(): Promise<void> {
    const sent = { at: performance.now(), lead: systemLead() };
    await this.database.within(
      SIGN_MS,
      `INSERT INTO workers (id, seen_at) VALUES ($1, statement_timestamp())
       ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at`,
      [this.worker],
    );
    const { isGood: wasGood, sent: before } = this;
    this.sent = sent;
    if (wasGood) return;
    const since = performance.now();
    const isFirst = before.at === -Infinity;
    this.steady = { since, othersNeedMs: isFirst ? OTHERS_NEED_AT_START_MS : OTHERS_NEED_MS };
    const gapSeconds = Math.round((since - before.at) / 1000);
    // It is not told of one that only looked so, as the machine's clock was set ahead.
    if (!isFirst && gapSeconds * 1000 >= GOOD_MS)
      this.logger.warn(
        `this process gave no sign of life for ${gapSeconds} s: others may have taken over what it had in hand`,
      );
  }
}
