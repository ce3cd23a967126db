import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { systemLead } from '../common/clock';
import { Unavailable } from '../common/errors';
import { newId } from '../common/ids';
import { Periodic } from '../common/periodic';
import { SharedRun } from '../common/shared-run';
import { Database } from './database';

const EVERY_MS = 2_000;
const SIGN_MS = 2_000;
/** By its own clocks a process takes its sign for good for this long: others give it longer, and what it does takes time too. */
const GOOD_MS = 5_000;
/** A worker is taken for dead when its last sign is older than this, by PostgreSQL's clock. */
export const DEAD_AFTER_SECONDS = 7;
/** After a time without PostgreSQL those that live need this long to say so; at start there was none, mostly. */
const OTHERS_NEED_MS = 8_000;
const OTHERS_NEED_AT_START_MS = 3_000;

/**
 * Condition: the worker of the id in `column` has given signs of life, and gives none any more. One that never gave any
 * is of a release that knows none: its leases alone tell.
 */
export const isDead = (column: string): string =>
  `EXISTS (SELECT FROM workers w WHERE w.id = ${column}
     AND w.seen_at < statement_timestamp() - interval '${DEAD_AFTER_SECONDS} seconds')`;

/**
 * Tells all others, every two seconds, that this process lives: what it has in hand is taken up by them soon after it
 * does not. Only those give signs that have work in hand, or judge. Whoever claims work, or does what can't be undone, first makes sure
 * that the sign is good: a process that was stopped, or whose event loop was, finds that out here before it goes on.
 *
 * Nobody is taken for dead for what PostgreSQL did not take: whoever judges waits until those that live can have said so.
 */
@Injectable()
export class SignOfLife implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('SignOfLife');
  /** Whose leases are this process's. */
  readonly worker = newId();
  private readonly rounds = new Periodic('SignOfLife', EVERY_MS, () => this.give.run());
  private readonly give = new SharedRun(() => this.write());
  private isWanted = false;
  /** When the last sign that was written was sent: by the monotonic clock, and how far this machine's was ahead of that. */
  private sent = { at: -Infinity, lead: 0 };
  /** Since when signs are given without a gap, and how long others may need from then on. */
  private steady = { since: Infinity, othersNeedMs: OTHERS_NEED_AT_START_MS };

  constructor(private readonly database: Database) {}

  /** To be told before the program is up: this process gives signs. */
  begin(): void {
    this.isWanted = true;
  }

  onApplicationBootstrap(): void {
    if (this.isWanted) this.rounds.start();
  }

  /** Did everybody else know a moment ago that this process lives? */
  get isGood(): boolean {
    // The monotonic clock stands still while a machine sleeps; the other may be set. The worse of them counts.
    const elapsed = performance.now() - this.sent.at;
    return Math.max(elapsed, elapsed + systemLead() - this.sent.lead) < GOOD_MS;
  }

  /** Would those that live have said so by now? Right after an outage of PostgreSQL everybody's sign is old. */
  get canJudge(): boolean {
    return this.isGood && performance.now() - this.steady.since > this.steady.othersNeedMs;
  }

  /** Resolves once the sign is good, at once when it is. @throws Unavailable when none can be given */
  async good(): Promise<void> {
    if (this.isGood) return;
    await this.give.run();
    if (!this.isGood) throw new Unavailable('PostgreSQL takes too long to note that this process lives');
  }

  /** After all that this process had in hand has ended. */
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
