/** Priority of a thread that must not take the processors from others. */
import { execFileSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';

const NICEST = 19;
const TIMEOUT_MS = 5_000;

/**
 * Makes the calling thread nicer than the process it belongs to. On Linux a thread has a niceness of its own; elsewhere
 * nothing is done, as it would slow the whole process. Never throws: who may not set it goes on without.
 *
 * @param by added to its niceness
 */
export function giveWay(by: number): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(Math.min(NICEST, getPriority() + by));
  } catch {
    // As said.
  }
}

/**
 * Has the calling thread run only where nothing else wants to (Linux: SCHED_IDLE of sched(7), by the command `chrt`):
 * whatever wakes up takes its processor. A thread can't leave this again, unless it is privileged, and on a full machine
 * it gets next to nothing.
 *
 * @returns false where it can't be done
 */
export function runWhenIdle(): boolean {
  if (process.platform !== 'linux') return false;
  try {
    // <process>/task/<thread>
    const thread = readlinkSync('/proc/thread-self').split('/').pop()!;
    // Letters, which BusyBox knows as well.
    execFileSync('chrt', ['-i', '-p', '0', thread], { timeout: TIMEOUT_MS, stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
