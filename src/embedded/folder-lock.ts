/** Lock that keeps a second program from using a folder. */
import { once } from 'node:events';
import {
  closeSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  write,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { heard } from '../common/heard';
import { setTimeout as sleep } from 'node:timers/promises';

/** Interval of the beats, milliseconds. */
const BEAT_MS = 2_000;
/** Time without a beat after which a holder that can't be seen from here counts as dead, milliseconds. */
const DEAD_MS = 7_000;
/** Pause after writing the lock, milliseconds: if two programs take a stale lock at once, the last to write has it. */
const SETTLE_MS = 100;

/** Holder of a lock, as its file says. */
interface Holder {
  pid: number;
  /** Scope of the pid: a boot of a machine, and a namespace in it. */
  where: string;
  /** Start of that process, so that a later process with the same pid is not taken for it. */
  startedAt: string;
  /** Inode of the folder: a copied folder has a copied lock, which does not count. */
  folder: string;
  host: string;
}

/**
 * Locks the folder until the returned function is called or this program ends, however it ends. Two things hold the
 * lock:
 *
 * - on Linux a name among abstract sockets, which the kernel frees when the program is dead;
 * - the file `program.pid`, for programs that share the folder but not those names: in another container, or on another
 *   host with the same network disk. It is stale when its process is gone or, where that can't be seen from here, when
 *   the beat in its last line stands still.
 *
 * @param deadMs time without a beat after which a holder that can't be seen from here counts as dead, milliseconds
 * @throws when another program holds it, naming its pid
 */
export async function lockFolder(folder: string, signal: AbortSignal, deadMs = DEAD_MS): Promise<() => void> {
  const file = join(folder, 'program.pid');
  const socket = await takeName(folder, file);
  try {
    const holder = holderIn(file);
    if (holder !== undefined && (await holds(holder, folder, file, deadMs, signal)))
      throw taken(folder, holder);
    const end = await hold(folder, file);
    return () => {
      end();
      socket?.close();
    };
  } catch (error) {
    socket?.close();
    throw error;
  }
}

async function takeName(folder: string, file: string): Promise<Server | undefined> {
  if (process.platform !== 'linux') return undefined;
  const { dev, ino } = statSync(folder);
  const name = heard(createServer()).listen(`\0monscale-data-${dev}-${ino}`);
  const isFree = await once(name, 'listening').then(
    () => true,
    () => false,
  );
  if (!isFree) throw taken(folder, holderIn(file));
  return name.unref();
}

const taken = (folder: string, holder: Holder | undefined): Error => {
  const elsewhere = holder === undefined || holder.host === hostname() ? '' : ` on ${holder.host}`;
  return new Error(
    `another program (process ${holder?.pid ?? 'unknown'}${elsewhere}) runs on ${folder}: stop it, or set MONSCALE_DATA_DIR to another folder`,
  );
};

/** Tells whether the program that wrote the lock still runs. */
async function holds(
  holder: Holder,
  folder: string,
  file: string,
  deadMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  if (holder.folder !== folderNumber(folder)) return false;
  if (holder.where === here()) return startOf(holder.pid) === holder.startedAt;
  const before = beatIn(file);
  for (let waitedMs = 0; waitedMs < deadMs; waitedMs += 250) {
    await sleep(250, undefined, { signal });
    if (beatIn(file) !== before) return true;
  }
  return false;
}

/**
 * Writes the lock, and beats from then on.
 *
 * @returns function that ends it
 */
async function hold(folder: string, file: string): Promise<() => void> {
  const facts = [process.pid, here(), startOf(process.pid) ?? '', folderNumber(folder), hostname()];
  const head = `${facts.join('\n')}\n`;
  writeFileSync(`${file}.${process.pid}`, `${head}${beat(0)}`, { mode: 0o600 });
  renameSync(`${file}.${process.pid}`, file);
  await sleep(SETTLE_MS);
  if (!readFileSync(file, 'utf8').startsWith(head)) throw taken(folder, holderIn(file));

  // In its place, and by an open file: neither a full disk nor a folder that is moved hinders it.
  const open = openSync(file, 'r+');
  let count = 0;
  const beats = setInterval(() => write(open, beat(++count), head.length, () => undefined), BEAT_MS).unref();
  return () => {
    clearInterval(beats);
    closeSync(open);
    rmSync(file, { force: true });
  };
}

/** Returns a beat as a line, always of the same length. */
const beat = (count: number): string => `${String(count).padStart(12, '0')}\n`;

function holderIn(file: string): Holder | undefined {
  const [pid, where = '', startedAt = '', folder = '', host = ''] = linesOf(file);
  return Number(pid) > 0 ? { pid: Number(pid), where, startedAt, folder, host } : undefined;
}

const beatIn = (file: string): string | undefined => linesOf(file)[5];

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch {
    return [];
  }
}

const folderNumber = (folder: string): string => String(statSync(folder).ino);

/**
 * Returns the scope of this process's pid. On systems that do not tell, no other process has the same, so its beat is
 * watched.
 */
function here(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return `${hostname()} ${process.pid}`;
  }
}

/** Returns when a process began, in ticks since the boot (proc(5)); undefined when it does not run. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Behind its name, which may hold anything: state is field 3, the start field 22.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
