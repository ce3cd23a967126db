import { codeOf, DEADLOCK_DETECTED } from './sql-state';

const TRIES = 5;

/**
 * Runs a statement or a transaction, and runs it again where it was rolled back since it and another waited for each
 * other: the other has gone on by then.
 */
export async function despiteDeadlocks<T>(work: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await work();
    } catch (error) {
      if (codeOf(error) !== DEADLOCK_DETECTED || tried === TRIES) throw error;
    }
  }
}
