/** Nothing that a spec starts may outlive the run, however it ends. */
import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const LIMIT_MS = 5_000;

/** Kills what works in the folder or below, such as servers whose pid nobody has noted. True if there was any. */
export async function killProcessesIn(folder: string): Promise<boolean> {
  const begin = performance.now();
  let found = false;
  for (let pids = processesIn(folder); pids.length > 0; pids = processesIn(folder)) {
    if (performance.now() - begin > LIMIT_MS)
      throw new Error(`processes ${pids.join()} in ${folder} do not end`);
    found = true;
    for (const pid of pids) kill(pid);
    await sleep(20);
  }
  return found;
}

function processesIn(folder: string): number[] {
  if (process.platform !== 'linux') return [];
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger);
  return pids.filter((pid) => `${workingDirectoryOf(pid)}/`.startsWith(`${folder}/`));
}

function workingDirectoryOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined; // ended by now, or another user's
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Ended by itself.
  }
}
