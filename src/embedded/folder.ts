/** The data folder: where it really is, and whether it is what it was or a copy. */
import { chmodSync, mkdirSync, realpathSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { numberIn } from './server-process';

/** For its owner only; made if absent. @returns its canonical path */
export function privateFolder(path: string): string {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  // A folder that is there already may be a mounted one and another user's; the secrets in it are 0600 each.
  if (statSync(path).uid === process.getuid?.()) chmodSync(path, 0o700);
  return realpathSync(path);
}

/**
 * Whether the folder was copied since its servers last ran, so that the ports noted in it are another's: it keeps the number
 * of its inode, which stays when a folder is renamed and which no copy on the same disk has. Notes the folder's own.
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
