/** Long answers are searched on a thread: a target must not decide how long others wait. */
import { join } from 'node:path';
import { threadTask, type ThreadTask } from '../../common/thread-pool';
import type { ReadContext } from '../metric';

/** Most bytes of JSON that are parsed in the main thread; they take some 5 ms at most, whatever they hold. */
export const SHORT_BYTES = 64 * 1024;
const READ_MS = 2_000;

/** Makes a task that runs the default export of a file in this folder on a thread. */
export function answerTask<I extends { body: Buffer }, O>(
  file: string,
): (input: I, context: Pick<ReadContext, 'signal'>) => Promise<O> {
  const task: ThreadTask<I, O> = threadTask('metrics', join(__dirname, file));
  return (input, { signal }) =>
    task(input, { timeoutMs: READ_MS, bytes: input.body.length, what: 'its answer', deed: 'read', signal });
}
