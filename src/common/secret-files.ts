import type { Stats } from 'node:fs';
import { lstat, open, readlink, realpath, stat, type FileHandle } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Limiter } from './limiter';
import { keepNewest } from './newest';
import { bytesUpTo, isBelow, READ_ONLY } from './regular-file';
import { withDeadline } from './deadline';

const BYTES_AT_MOST = 64 * 1024;
/** Time for which a file that was read is not read again, milliseconds. */
const FRESH_MS = 1_000;
/** Time for which a file that did not answer is not read again, milliseconds. */
const SILENT_MS = 10_000;
/** Age from which a result is not used any more, milliseconds: `look` comes before each use. */
const STALE_MS = 60_000;
const LOOK_MS = 2_000;
/**
 * Largest number of files read at the same time. Node has four threads for files and DNS names: a file system that
 * hangs must leave some free.
 */
const AT_ONCE = 2;
/** Largest number of files whose result is remembered, and of those that wait. */
const SEEN_AT_MOST = 10_000;

/** Folders in which platforms give pods their own credentials; closed to definitions unless listed themselves. */
const OF_THE_PLATFORM = ['kubernetes.io', 'eks.amazonaws.com', 'azure', 'workload-spiffe-credentials'].map(
  (name) => `/run/secrets/${name}`,
);

type Seen = { text: string } | { problem: string; isAbsent?: boolean };

interface Look {
  seen: Seen;
  /** Moment of the read, by `performance.now()`. */
  at: number;
  freshMs: number;
}

/**
 * Files that definitions name for secrets: regular files of at most 64 kB below a few folders, links resolved.
 *
 * `look` reads them asynchronously, at most `AT_ONCE` at a time; `text` and `problem` answer from the last result and
 * touch no file. A path has at most one read under way.
 */
export class SecretFiles {
  private readonly folders: readonly string[];
  private readonly looks = new Map<string, Look>();
  private readonly underWay = new Map<string, Promise<void>>();
  /** Work that hangs keeps its place, whether or not anybody still waits for it. */
  private readonly turns = new Limiter(AT_ONCE, SEEN_AT_MOST);

  /** @param folders absolute paths; they may be links, and need not exist */
  constructor(folders: readonly string[]) {
    this.folders = folders.map((folder) => resolve(folder));
  }

  /** Reads the files that were not read in the last second. Returns undefined when there is nothing to wait for. */
  look(paths: Iterable<string>): Promise<void> | undefined {
    const looks: Promise<void>[] = [];
    for (const path of paths) {
      const known = this.looks.get(path);
      if (known !== undefined && performance.now() - known.at < known.freshMs) continue;
      if (this.placeProblem(path) !== undefined) continue;
      let looking = this.underWay.get(path);
      if (looking === undefined) {
        looking = this.lookAt(path).finally(() => this.underWay.delete(path));
        this.underWay.set(path, looking);
      }
      looks.push(looking);
    }
    return looks.length === 0 ? undefined : Promise.all(looks).then(() => undefined);
  }

  /**
   * Returns the content of the file at its last read, without a final line end.
   *
   * @throws Error saying why there is none
   */
  text(path: string): string {
    const seen = this.seen(path);
    if ('text' in seen) return seen.text;
    throw new Error(seen.problem);
  }

  /**
   * Returns why the file can't be named, as a sentence. A missing file is no problem, since it may be created later.
   */
  problem(path: string): string | undefined {
    const seen = this.seen(path);
    return 'text' in seen || seen.isAbsent ? undefined : seen.problem;
  }

  private seen(path: string): Seen {
    const problem = this.placeProblem(path);
    if (problem !== undefined) return { problem };
    const look = this.looks.get(path);
    if (look !== undefined && performance.now() - look.at < STALE_MS) return look.seen;
    return { problem: `the file ${path} has not been looked at` };
  }

  /** Returns what is wrong with the place of a file, by its path alone: files in other places are never touched. */
  private placeProblem(path: string): string | undefined {
    const isPlain = path.startsWith('/') && !path.includes('\0');
    if (isPlain && isOpen(resolve(path), this.folders)) return undefined;
    return this.elsewhere(path);
  }

  private elsewhere(path: string): string {
    const where = this.folders.length === 0 ? 'no folder is open to definitions' : this.folders.join(' or ');
    return `the file ${path} does not lie below ${where} (MONSCALE_SECRETS_DIR)`;
  }

  private async lookAt(path: string): Promise<void> {
    let seen: Seen;
    let freshMs = FRESH_MS;
    try {
      seen = await withDeadline(LOOK_MS, (signal) =>
        this.turns.take(() => {
          signal.throwIfAborted();
          return this.read(path);
        }),
      );
    } catch {
      freshMs = SILENT_MS;
      seen = { problem: `the file ${path} could not be read in ${LOOK_MS / 1000} s` };
    }
    keepNewest(this.looks, path, { seen, at: performance.now(), freshMs }, SEEN_AT_MOST);
  }

  private async read(path: string): Promise<Seen> {
    const given = resolve(path);
    try {
      const real = await realpath(given);
      const folders = await this.realFolders();
      if (!isOpen(real, folders)) return { problem: this.elsewhere(`${path}, a link to another place,`) };
      const kind = kindProblem(path, await stat(real));
      if (kind !== undefined) return { problem: kind };
      const file = await open(real, READ_ONLY);
      try {
        // It may be another one by now.
        if (!isOpen(await placeOf(file, real), folders))
          return { problem: this.elsewhere(`${path}, a link to another place,`) };
        return await contentOf(path, file);
      } finally {
        await file.close();
      }
    } catch (error) {
      return unreadable(path, error, await isLink(given));
    }
  }

  private async realFolders(): Promise<string[]> {
    const found = await Promise.all(this.folders.map((folder) => realpath(folder).catch(() => undefined)));
    return found.filter((folder) => folder !== undefined);
  }
}

/** Tells whether a path lies below one of the folders, and not in a platform's folder that is not listed itself. */
function isOpen(path: string, folders: readonly string[]): boolean {
  return folders.some(
    (folder) =>
      isBelow(path, folder) &&
      !OF_THE_PLATFORM.some(
        (own) => (path === own || isBelow(path, own)) && folder !== own && !isBelow(folder, own),
      ),
  );
}

function kindProblem(path: string, stats: Stats): string | undefined {
  if (!stats.isFile()) return `${path} is ${kindOf(stats)}, no regular file`;
  return stats.size > BYTES_AT_MOST ? tooLong(path) : undefined;
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a folder';
  if (stats.isFIFO()) return 'a named pipe';
  return stats.isSocket() ? 'a socket' : 'a device';
}

const tooLong = (path: string): string => `the file ${path} has more than ${BYTES_AT_MOST / 1024} kB`;

/** Returns the path of an open file: its name may have come to mean another file since. */
async function placeOf(file: FileHandle, real: string): Promise<string> {
  try {
    return await readlink(`/proc/self/fd/${file.fd}`);
  } catch {
    // No Linux: the path must still lead to this very file.
    const [again, there, here] = await Promise.all([realpath(real), stat(real), file.stat()]);
    return there.dev === here.dev && there.ino === here.ino ? again : '';
  }
}

async function contentOf(path: string, file: FileHandle): Promise<Seen> {
  const kind = kindProblem(path, await file.stat());
  if (kind !== undefined) return { problem: kind };
  const bytes = await bytesUpTo(file, BYTES_AT_MOST);
  if (bytes === undefined) return { problem: tooLong(path) };
  if ((await file.stat()).size !== bytes.length)
    return { problem: `the file ${path} is being written just now` };
  if (bytes.includes(0)) return { problem: `the file ${path} holds bytes that are no text` };
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '') };
  } catch {
    return { problem: `the file ${path} is no text in UTF-8` };
  }
}

/** @param isLink whether the path itself is a symbolic link */
function unreadable(path: string, error: unknown, isLink: boolean): Seen {
  const { code } = error as { code?: string };
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    if (isLink) return { problem: `${path} is a link that leads nowhere` };
    return { problem: `there is no file ${path}`, isAbsent: true };
  }
  const why: Record<string, string> = {
    EACCES: 'monscale may not read it',
    EPERM: 'monscale may not read it',
    ELOOP: 'its links lead in a circle',
    ENXIO: 'it is no regular file',
  };
  return { problem: `the file ${path} can't be read: ${why[code ?? ''] ?? code ?? 'no reason is given'}` };
}

const isLink = (path: string): Promise<boolean> =>
  lstat(path).then(
    (stats) => stats.isSymbolicLink(),
    () => false,
  );
