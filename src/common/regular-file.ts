/** Reading files that somebody else may replace, or grow, at any moment. */
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { sep } from 'node:path';

/** Flags for opening a file: do not wait for a writer, follow no link put in its place, take no terminal. */
export const READ_ONLY =
  constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0) | (constants.O_NOCTTY ?? 0);

/** Tells whether a path lies below a folder; both as `realpath` or `resolve` give them. */
export const isBelow = (path: string, folder: string): boolean =>
  path.startsWith(folder.endsWith(sep) ? folder : folder + sep);

/** Returns the content of an open file; undefined where it has more than so many bytes, however large it said it is. */
export async function bytesUpTo(file: FileHandle, atMost: number): Promise<Buffer | undefined> {
  const buffer = Buffer.allocUnsafe(atMost + 1);
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length, null);
    if (bytesRead === 0) return buffer.subarray(0, length);
    length += bytesRead;
  }
  return undefined;
}
