import type { Queue } from 'bull';
import type { Clock } from '../common/clock';

/** What of Bull is not in its types. */
interface Scripts {
  updateDelaySet(queue: Queue, now: number): Promise<string | null>;
}
type Delaying = Queue & {
  closing?: unknown;
  delayTimer?: NodeJS.Timeout;
  delayedTimestamp: number;
  updateDelayTimer(): Promise<void>;
};

/** Bull keeps moments in ms, followed by 12 bits that keep jobs of one moment in order. */
const SCORE = 0x1000;
/** It is looked at least as often as this which jobs are due, as Bull does. */
const LOOK_MS = 5_000;
const AT_ONCE = 1_000;

// eslint-disable-next-line @typescript-eslint/no-require-imports
const scripts = require('bull/lib/scripts') as Scripts;

/** Jobs of a queue that wait for their moment come due by `clock`. Bull goes by the machine's, which each process has of its own. */
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
 * Makes jobs due at once that wait for a moment after `latest`: nobody puts any there. Who takes them finds out that it is
 * not their moment, and what they are for is put back.
 *
 * @returns how many there were
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
