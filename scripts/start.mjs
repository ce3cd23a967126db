/** `npm start`: sets up what is missing, then becomes the program. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { clearInterval, setInterval } from 'node:timers';
import { pathToFileURL } from 'node:url';
import { root, setUp } from './setup.mjs';

const PARENT_MS = 1_000;

await setUp();
// Variables that are set already win.
if (existsSync('.env')) process.loadEnvFile('.env');
endWithNpm();
// In this very process, so that signals have one receiver.
await import(pathToFileURL(join(root, 'dist', 'src', 'main.js')));

/** npm hands signals on; when it is killed itself nobody does, and another start would find the folder in use. */
function endWithNpm() {
  if (process.env.npm_lifecycle_event === undefined) return;
  const begin = ancestors();
  const watch = setInterval(() => {
    if (ancestors() === begin) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, PARENT_MS).unref();
}

/** Up to npm, which may have a shell in between. */
function ancestors() {
  const { ppid } = process;
  try {
    const isNpm = readFileSync(`/proc/${ppid}/cmdline`, 'utf8').startsWith('npm');
    return isNpm ? `${ppid}` : `${ppid} ${/^PPid:.*$/m.exec(readFileSync(`/proc/${ppid}/status`, 'utf8'))}`;
  } catch {
    // No /proc here.
    return `${ppid}`;
  }
}
