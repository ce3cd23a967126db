import { join } from 'node:path';
import { threadTask } from '../common/thread-pool';

const READ_MS = 15_000;

const placesOnThread = threadTask<{ text: string; pointers: string[] }, (number | null)[]>(
  'requests',
  join(__dirname, 'places.thread'),
);

/** Returns the lines of pointers in a text of YAML, counted from 1; undefined where none can be found. */
export async function placesIn(text: string, pointers: string[]): Promise<(number | undefined)[]> {
  try {
    const limits = { timeoutMs: READ_MS, bytes: text.length, what: 'the YAML', deed: 'read' } as const;
    return (await placesOnThread({ text, pointers }, limits)).map((line) => line ?? undefined);
  } catch {
    // The pointer says where; what can't be parsed in time names its line itself.
    return pointers.map(() => undefined);
  }
}
