/** What is looked for in long answers is looked for on a thread: a target must not decide how long others wait. */
import { join } from 'node:path';
import { threadTask, type ThreadTask } from '../../common/thread-pool';
import type { ReadContext } from '../metric';

/** JSON of this size takes some 5 ms at most to read, whatever it holds. */
export const SHORT_BYTES = 64 * 1024;
const READ_MS = 2_000;

/** A function that a file of this room exports, run on a thread. */
export function answerTask<I extends { body: Buffer }, O>(
  file: string,
): (input: I, context: Pick<ReadContext, 'signal'>) => Promise<O> {
  const task: ThreadTask<I, O> = threadTask('metrics', join(__dirname, file));
  return (input, { signal }) =>
    task(input, { timeoutMs: READ_MS, bytes: input.body.length, what: 'its answer', deed: 'read', signal });
}
