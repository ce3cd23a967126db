import type { Queue } from 'bull';
import type { Clock } from '../common/clock';

/** Internals of Bull that its types lack. */
interface Scripts {
  updateDelaySet(queue: Queue, now: number): Promise<string | null>;
}
type Delaying = Queue & {
  closing?: unknown;
  delayTimer?: NodeJS.Timeout;
  delayedTimestamp: number;
  updateDelayTimer(): Promise<void>;
};

/** Factor of moments in Bull's scores: ms, followed by 12 bits that order jobs of the same moment. */
const SCORE = 0x1000;
/** Longest time between two checks for due jobs, milliseconds; the same as Bull's. */
const LOOK_MS = 5_000;
const AT_ONCE = 1_000;

// eslint-disable-next-line @typescript-eslint/no-require-imports
const scripts = require('bull/lib/scripts') as Scripts;

/**
 * Makes delayed jobs of a queue due by `clock`. Bull goes by the machine's clock, which may differ from process to
 * process.
 */
export function delayByClock(queue: Queue, clock: Clock): void {
  const delaying = queue as Delaying;
  const lookIn = (ms: number): void => {
    clearTimeout(delaying.delayTimer);
    if (!delaying.closing) delaying.delayTimer = setTimeout(() => void delaying.updateDelayTimer(), ms);
  };
  delaying.updateDelayTimer = async () => {
    if (delaying.closing) return;
    try {
      const next = await scripts.updateDelaySet(queue, clock.now().getTime());
      delaying.delayedTimestamp = next ? Number(next) / SCORE : Number.MAX_VALUE;
      lookIn(Math.max(1, Math.min(delaying.delayedTimestamp - clock.now().getTime(), LOOK_MS)));
    } catch (error) {
      queue.emit('error', error);
      lookIn(LOOK_MS);
    }
  };
}

/**
 * Makes jobs due at once that wait for a moment after `latest`, since no job is ever delayed that far. A worker that
 * takes one early finds that it is not due, and the sweep queues its work again.
 *
 * @returns number of such jobs
 */
export async function hastenDelayed(queue: Queue, latest: number): Promise<number> {
  const ids = await queue.client.zrangebyscore(
    queue.toKey('delayed'),
    `(${latest * SCORE}`,
    '+inf',
    'LIMIT',
    0,
    AT_ONCE,
  );
  const hastened = await Promise.all(
    ids.map(async (id) => {
      const job = await queue.getJob(id);
      // Somebody else may have taken it meanwhile.
      return job === null
        ? false
        : await job.promote().then(
            () => true,
            () => false,
          );
    }),
  );
  return hastened.filter(Boolean).length;
}
