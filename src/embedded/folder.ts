/** The data folder: its canonical path, and whether it is a copy. */
import { chmodSync, existsSync, mkdirSync, realpathSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { numberIn } from './server-process';

/**
 * Makes the folder if absent, for its owner only.
 *
 * @returns its canonical path
 */
export function privateFolder(path: string): string {
  makeFolder(resolve(path));
  // A folder that is there already may be a mounted one and another user's; the secrets in it are 0600 each.
  if (statSync(path).uid === process.getuid?.()) chmodSync(path, 0o700);
  return realpathSync(path);
}

/** Makes a folder and those it is in. Node's own way of that never ends where nothing can be made, as below /proc. */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Another process was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/**
 * Tells whether the folder was copied since its servers last ran, so that the ports noted in it are another's. Notes
 * the inode of the folder, which stays when the folder is renamed and which no copy on the same disk has.
 */
export function isCopied(path: string): boolean {
  const file = join(path, 'folder-id');
  const { ino } = statSync(path);
  const noted = numberIn(file);
  if (noted === ino) return false;
  writeFileSync(`${file}.new`, `${ino}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return noted !== undefined;
}
