/**
 * Class of a password that waits to be hashed: `first`, or `later` for addresses that have lately sent a wrong one.
 * Names play no part, so that nobody can push others back by guessing at their names.
 */
export type Lane = 'first' | 'later';

/** Most passwords that wait in each lane. */
export const WAITING_AT_MOST: Readonly<Record<Lane, number>> = { first: 32, later: 8 };
/** Time that each waits at most: HTTP connections on which nothing happens are closed after 30 s. */
export const WAIT_AT_MOST_MS = 20_000;
/** Time after which a hash on the idle thread is late: some four times as long as it takes on a free processor. */
export const LATE_MS = 1_000;
/** Pause of the ready thread after each hash of the lane `later`: with it, they take a quarter of a processor. */
export const REST_MS = 600;

/** Computes hashes on a thread of their own, each one at a time. */
export interface HashThreads<I, O> {
  /** By what others leave of the processors: next to nothing on a full machine. */
  idle(input: I): Promise<O>;
  /** As fast as the machine allows. */
  ready(input: I): Promise<O>;
}

interface Job<I, O> {
  lane: Lane;
  begin: () => Promise<I>;
  /** Known from its turn on. */
  input?: I;
  isOnReady: boolean;
  /** Refuses it when it has waited too long. */
  patience: NodeJS.Timeout;
  resolve: (result: O) => void;
  reject: (error: unknown) => void;
}

/**
 * Order in which passwords are hashed, and on which thread.
 *
 * Each job waits in a lane, is on the idle thread, on the ready thread, or both, and is then over. Those in `first` come
 * before those in `later`. The idle thread works whenever a job waits. It is starved when its hash is late; only then
 * the ready thread works, too, and may overtake that very hash. So a flood takes nothing from other work, a full machine
 * keeps nobody out, and never more than two hashes are computed at a time.
 */
export class HashLanes<I, O> {
  private readonly waiting: Record<Lane, Job<I, O>[]> = { first: [], later: [] };
  private onIdle?: Job<I, O>;
  private isStarved = false;
  private isReadyTaken = false;
  private isResting = false;

  /** @param late returns the error for those that have waited too long */
  constructor(
    private readonly threads: HashThreads<I, O>,
    private readonly late: () => Error,
  ) {}

  /** True when whoever came now would be refused. */
  isFull(lane: Lane): boolean {
    return this.waiting[lane].length >= WAITING_AT_MOST[lane];
  }

  /**
   * Hashes in turn. Whoever calls looks at `isFull` first.
   *
   * @param begin called when it is this one's turn, before anything is computed; what it throws refuses
   */
  hash(lane: Lane, begin: () => Promise<I>): Promise<O> {
    return new Promise((resolve, reject) => {
      const patience = setTimeout(() => {
        this.waiting[lane] = this.waiting[lane].filter((waits) => waits !== job);
        reject(this.late());
      }, WAIT_AT_MOST_MS);
      const job: Job<I, O> = { lane, begin, isOnReady: false, patience, resolve, reject };
      this.waiting[lane].push(job);
      this.next();
    });
  }

  /** Takes out of a lane who has waited longest. */
  private taken(lane: Lane): Job<I, O> | undefined {
    const job = this.waiting[lane].shift();
    clearTimeout(job?.patience);
    return job;
  }

  private next(): void {
    if (this.onIdle === undefined) {
      const job = this.taken('first') ?? this.taken('later');
      if (job !== undefined) void this.runOnIdle(job);
    }
    if (this.isStarved && !this.isReadyTaken) {
      const job = this.forReady();
      if (job !== undefined) void this.runOnReady(job);
    }
  }

  /** Returns what the ready thread computes next: the job of the starved thread before those of its lane. */
  private forReady(): Job<I, O> | undefined {
    const starved = this.onIdle!.isOnReady ? undefined : this.onIdle;
    if (starved?.lane === 'first') return starved;
    return this.taken('first') ?? (this.isResting ? undefined : (starved ?? this.taken('later')));
  }

  private async runOnIdle(job: Job<I, O>): Promise<void> {
    this.onIdle = job;
    let late: NodeJS.Timeout | undefined;
    try {
      job.input = await job.begin();
      late = setTimeout(() => {
        this.isStarved = true;
        this.next();
      }, LATE_MS);
      job.resolve(await this.threads.idle(job.input));
    } catch (error) {
      if (!job.isOnReady) job.reject(error);
    } finally {
      clearTimeout(late);
      this.onIdle = undefined;
      this.isStarved = false;
      this.next();
    }
  }

  private async runOnReady(job: Job<I, O>): Promise<void> {
    this.isReadyTaken = job.isOnReady = true;
    try {
      job.input ??= await job.begin();
      job.resolve(await this.threads.ready(job.input));
    } catch (error) {
      job.reject(error);
    } finally {
      this.isReadyTaken = false;
      if (job.lane === 'later') this.rest();
      this.next();
    }
  }

  private rest(): void {
    this.isResting = true;
    setTimeout(() => {
      this.isResting = false;
      this.next();
    }, REST_MS);
  }
}
