import { constants, type Stats } from 'node:fs';
import { lstat, open, readlink, realpath, stat, type FileHandle } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import { withDeadline } from './deadline';

const BYTES_AT_MOST = 64 * 1024;
/** A file that was looked at so lately is not looked at again. */
const FRESH_MS = 1_000;
/** One that did not answer is left alone for longer. */
const SILENT_MS = 10_000;
/** What was seen longer ago counts for nothing: whoever opens a secret looks first. */
const STALE_MS = 60_000;
const LOOK_MS = 2_000;
/** Node does the work of files and of names in four threads: a file system that hangs must leave some of them. */
const AT_ONCE = 2;
/** Files that are remembered. */
const SEEN_AT_MOST = 10_000;

/** Folders of what a platform gives its pods to be somebody by: open only to those who list them. */
const OF_THE_PLATFORM = ['kubernetes.io', 'eks.amazonaws.com', 'azure', 'workload-spiffe-credentials'].map(
  (name) => `/run/secrets/${name}`,
);

/** Never a device's own doing, never a wait for a writer, never a link that was put in its place. */
const READ_ONLY =
  constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0) | (constants.O_NOCTTY ?? 0);

type Seen = { text: string } | { problem: string; isAbsent?: boolean };

interface Look {
  seen: Seen;
  /** By `performance.now()`. */
  at: number;
  freshMs: number;
}

/**
 * Files that definitions name for secrets: regular ones of at most 64 kB below a few folders, links resolved. They are
 * looked at beside the event loop, by `look`, and told from what was seen.
 */
export class SecretFiles {
  private readonly folders: readonly string[];
  private readonly looks = new Map<string, Look>();
  private readonly underWay = new Map<string, Promise<void>>();
  private readonly waiting: (() => void)[] = [];
  private busy = 0;

  /** @param folders absolute paths; they may be links, and need not be there */
  constructor(folders: readonly string[]) {
    this.folders = folders.map((folder) => resolve(folder));
  }

  /** Looks at files that were not looked at in the last second. Undefined when there is nothing to wait for. */
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

  /** What the file held when it was looked at; a line's end at its end is left out. @throws Error saying why not */
  text(path: string): string {
    const seen = this.seen(path);
    if ('text' in seen) return seen.text;
    throw new Error(seen.problem);
  }

  /** Why the file can't be named, as a sentence. One that is not there may come later. */
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

  /** Judged by the path alone: what lies elsewhere is never touched. */
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
      seen = await withDeadline(LOOK_MS, (signal) => this.inTurn(signal, () => this.read(path)));
    } catch {
      freshMs = SILENT_MS;
      seen = { problem: `the file ${path} could not be read in ${LOOK_MS / 1000} s` };
    }
    this.looks.delete(path);
    if (this.looks.size >= SEEN_AT_MOST) this.looks.delete(this.looks.keys().next().value!);
    this.looks.set(path, { seen, at: performance.now(), freshMs });
  }

  /** Few at a time. One that hangs keeps its place, whether or not anybody still waits for it. */
  private async inTurn<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.waiting.length >= SEEN_AT_MOST) throw new Error('too many files wait to be read');
    if (this.busy < AT_ONCE) this.busy++;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      signal.throwIfAborted();
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.busy--;
      else next();
    }
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

/** Does it lie below one of the folders, and not in one that is a platform's own and was not listed? */
function isOpen(path: string, folders: readonly string[]): boolean {
  return folders.some(
    (folder) =>
      isBelow(path, folder) &&
      !OF_THE_PLATFORM.some(
        (own) => (path === own || isBelow(path, own)) && folder !== own && !isBelow(folder, own),
      ),
  );
}

const isBelow = (path: string, folder: string): boolean =>
  path.startsWith(folder.endsWith(sep) ? folder : folder + sep);

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

/** Where an open file lies: what its path leads to may have changed since. */
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
  const buffer = Buffer.alloc(BYTES_AT_MOST + 1);
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length, null);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  if (length > BYTES_AT_MOST) return { problem: tooLong(path) };
  if ((await file.stat()).size !== length) return { problem: `the file ${path} is being written just now` };
  const bytes = buffer.subarray(0, length);
  if (bytes.includes(0)) return { problem: `the file ${path} holds bytes that are no text` };
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '') };
  } catch {
    return { problem: `the file ${path} is no text in UTF-8` };
  }
}

/** @param isLink there is a link of that name */
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
