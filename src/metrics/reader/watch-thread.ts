/** Thread that watches over the process that reads targets, and ends it when it can't go on by itself. */
import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { LAST_WORDS_FD, type Death, type LastWords, type Watched } from './messages';

const LOOK_MS = 100;
/**
 * Number of looks without a sign of life after which the process is ended, where it has worked for as long. Time is
 * counted in the thread's own looks and in the process's time of the processor: neither a halt of the whole machine nor
 * others that leave it no processor count.
 */
const SILENT_LOOKS = 20;
const SILENT_WORK_US = SILENT_LOOKS * LOOK_MS * 1_000;
/**
 * Most memory of the process, bytes: many times what hundreds of connections take. It counts what lies beyond the heap,
 * such as bytes that were read.
 */
const MEMORY_BYTES = 512_000_000;

const { beats, target, parent } = workerData as Watched;
let beat = -1;
let silentLooks = 0;
let workedAtBeat = process.cpuUsage();

setInterval(() => {
  const now = Atomics.load(beats, 0);
  silentLooks = now === beat ? silentLooks + 1 : 0;
  if (now !== beat) workedAtBeat = process.cpuUsage();
  beat = now;
  if (process.memoryUsage.rss() > MEMORY_BYTES) end('memory');
  if (silentLooks > SILENT_LOOKS && workedUs() > SILENT_WORK_US) end('silent');
  // The program was killed: nobody waits for anything.
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
}, LOOK_MS);

/** Returns for how long the process has worked since its last sign of life. */
function workedUs(): number {
  const { user, system } = process.cpuUsage(workedAtBeat);
  return user + system;
}

function end(why: Death): void {
  const name = Buffer.from(target).toString('latin1');
  const words: LastWords = { why, target: name.startsWith('\0') ? undefined : name };
  try {
    writeSync(LAST_WORDS_FD, JSON.stringify(words));
  } finally {
    process.kill(process.pid, 'SIGKILL');
  }
}
