/** Keeps a second program off a folder. */
import { once } from 'node:events';
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { numberIn } from './server-process';

/**
 * Locks the folder until the returned function is called or this program ends, however it ends: the lock is a
 * name among Linux' abstract sockets, which the kernel takes back, so a dead program's lock never stays. The pid
 * file only serves the message. Other systems know no such names, and no lock is taken there.
 * @throws when another program holds it, naming its pid
 */
export async function lockFolder(folder: string): Promise<() => void> {
  if (process.platform !== 'linux') return () => undefined;

  const pidFile = join(folder, 'program.pid');
  const { dev, ino } = statSync(folder);
  const lock = createServer().listen(`\0monscale-data-${dev}-${ino}`);
  const isFree = await once(lock, 'listening').then(
    () => true,
    () => false,
  );
  if (!isFree) {
    const holder = numberIn(pidFile) ?? 'unknown';
    throw new Error(
      `another program (process ${holder}) runs on ${folder}: stop it, or set MONSCALE_DATA_DIR to another folder`,
    );
  }
  lock.unref();
  writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 });
  return () => {
    rmSync(pidFile, { force: true });
    lock.close();
  };
}
