import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import { messageOf } from '../common/errors';
import { Database } from '../database/database';
import { SignOfLife } from '../database/sign-of-life';
import { NOW, type ClaimedExecution } from '../queue/claimed-execution';
import { Queues } from '../queue/queues';
import type { Claim, OpenExecution } from './execution';

/** Pause between two tries to give back, and how long they go on, milliseconds; a lease ends some time, too. */
const AGAIN_MS = 1_000;
const GIVES_UP_MS = 600_000;
/** Time by which an execution whose end was not written stays known here after its lease, milliseconds. */
const KNOWN_AFTER_LEASE_MS = 70_000;

/**
 * What was claimed: an execution that was to begin, of which nothing was sent; or one whose worker was gone, which may
 * have sent something.
 */
export type DoubtfulKind = 'begun' | 'taken over';

/** Condition for executions of `$1` that this worker, `$2`, holds by their rows. */
const MINE = `e.id = ANY($1::uuid[]) AND e.status = 'running' AND e.lease_owner = $2 AND e.lease_until > ${NOW}`;

/** Undoes claims: the attempt that was to begin never was. */
const UNDO = `UPDATE executions e
  SET status = 'queued', next_attempt_at = ${NOW}, tries = e.tries - 1, attempts = e.attempts - -1,
    started_at = CASE WHEN jsonb_array_length(e.attempts) = 1 THEN NULL ELSE e.started_at END,
    lease_owner = NULL, lease_until = NULL
  WHERE ${MINE} AND NOT e.attempts->-1 ? 'outcome' RETURNING e.id, e.tries`;

/** Ends leases, so that whoever looks for dead workers' executions finds them. */
const END_LEASES = `UPDATE executions e SET lease_until = ${NOW} - interval '1 millisecond' WHERE ${MINE}`;

/**
 * Claims of this process whose answer was lost: PostgreSQL may have committed them, and then this living worker holds
 * executions that nobody runs, until their leases end. They are given back once PostgreSQL answers again.
 *
 * An execution is unknown here; being claimed; in hand (claimed, and its end not written yet); or in doubt. One in doubt
 * is not claimed here again before it was given back. Always: what is given back is neither in hand nor being claimed,
 * so nothing is taken away from who runs it.
 */
@Injectable()
export class DoubtfulClaims implements BeforeApplicationShutdown {
  private readonly logger = new Logger('Actions');
  private readonly stopping = new AbortController();
  /** How often an execution is in hand, and how many claims of it are under way. */
  private readonly inHand = new Map<string, number>();
  private readonly underWay = new Map<string, number>();
  private readonly doubtful = new Map<string, { kind: DoubtfulKind; until: number }>();
  private settling?: Promise<void>;

  constructor(
    private readonly database: Database,
    private readonly queues: Queues,
    private readonly life: SignOfLife,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.settling;
  }

  /**
   * Claims executions, but for those in doubt, which nobody gets here for now.
   *
   * @param take returns the claimed ones in the order of the claims
   */
  async claim<T>(
    kind: DoubtfulKind,
    claims: readonly Claim[],
    take: (claims: readonly Claim[]) => Promise<(T | undefined)[]>,
  ): Promise<(T | undefined)[]> {
    const free = claims.filter(({ id }) => !this.doubtful.has(id));
    if (free.length === 0) return claims.map(() => undefined);
    for (const { id } of free) add(this.underWay, id, 1);
    try {
      const taken = await take(free);
      const byClaim = new Map(free.map((claim, index) => [claim, taken[index]]));
      for (const [{ id }, one] of byClaim) if (one !== undefined) this.took(id);
      return claims.map((claim) => byClaim.get(claim));
    } catch (error) {
      for (const { id } of free) this.doubt(id, kind);
      throw error;
    } finally {
      for (const { id } of free) add(this.underWay, id, -1);
    }
  }

  /** Notes executions that were written as begun in a transaction of which nobody knows whether it was committed. */
  notBegun(ids: Iterable<string>): void {
    for (const id of ids) this.doubt(id, 'begun');
  }

  /** Notes an execution that was claimed otherwise than by `claim`. */
  took(id: string): void {
    add(this.inHand, id, 1);
    // Another claim of the same execution failed.
    this.doubtful.delete(id);
  }

  /** Does some work with an execution that was claimed; what it throws means that its end is not written. */
  async withHeld({ id, timeoutSeconds }: ClaimedExecution, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      add(this.inHand, id, -1);
    } catch (error) {
      // Its row says that this worker runs it, until its lease ends.
      const knownMs = timeoutSeconds * 1_000 + KNOWN_AFTER_LEASE_MS;
      setTimeout(() => add(this.inHand, id, -1), knownMs).unref();
      throw error;
    }
  }

  /** Gives back an execution that was taken over from a dead worker, and with which nothing could be done. */
  giveBack(id: string): void {
    this.note(id, 'taken over');
  }

  private doubt(id: string, kind: DoubtfulKind): void {
    if (!this.inHand.has(id)) this.note(id, kind);
  }

  private note(id: string, kind: DoubtfulKind): void {
    // Of two doubts the careful one counts.
    const known = this.doubtful.get(id)?.kind;
    const until = performance.now() + GIVES_UP_MS;
    this.doubtful.set(id, { kind: known === 'taken over' ? known : kind, until });
    this.settling ??= this.settle().finally(() => (this.settling = undefined));
  }

  private async settle(): Promise<void> {
    do {
      await sleep(AGAIN_MS, undefined, { signal: this.stopping.signal }).catch(() => undefined);
      await this.giveAllBack().catch(() => undefined);
      for (const [id, { until }] of this.doubtful) if (performance.now() > until) this.doubtful.delete(id);
    } while (this.doubtful.size > 0 && !this.stopping.signal.aborted);
  }

  private async giveAllBack(): Promise<void> {
    const free = [...this.doubtful].filter(([id]) => !this.inHand.has(id) && !this.underWay.has(id));
    const idsOf = (kind: DoubtfulKind) => free.filter(([, one]) => one.kind === kind).map(([id]) => id);
    const [begun, taken] = [idsOf('begun'), idsOf('taken over')];
    if (taken.length > 0) await this.database.rows(END_LEASES, [taken, this.life.worker]);
    const undone =
      begun.length === 0
        ? []
        : await this.database.rows<OpenExecution & Record<string, unknown>>(UNDO, [begun, this.life.worker]);
    for (const [id] of free) this.doubtful.delete(id);
    if (undone.length === 0) return;
    this.logger.warn(
      `${undone.length} executions were claimed here without an answer: nothing was sent, and they are queued again`,
    );
    // The sweep finds them otherwise.
    await this.queues
      .addExecutions(undone, this.clock.now())
      .catch((error) => this.logger.warn(messageOf(error)));
  }
}

function add(counts: Map<string, number>, id: string, by: number): void {
  const count = (counts.get(id) ?? 0) + by;
  if (count === 0) counts.delete(id);
  else counts.set(id, count);
}
