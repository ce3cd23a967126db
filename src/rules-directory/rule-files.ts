import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { open, readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { messageOf } from '../common/errors';
import { bytesUpTo, isBelow, READ_ONLY } from '../common/regular-file';

/** File of rules, by its path below the folder. */
export interface RuleFile {
  path: string;
  text: string;
}

/** What is wrong with a file, or with the folder where none is named; `line` counts from 1. */
export interface Mistake {
  file?: string;
  line?: number;
  pointer: string;
  detail: string;
}

/** Contents of the folder at one moment. */
export interface Look {
  /** Hash of all paths and contents, also of what is wrong; equal looks hold the same rules. */
  hash: string;
  files: RuleFile[];
  mistakes: Mistake[];
}

export const FILES_AT_MOST = 1_000;
export const FILE_BYTES_AT_MOST = 1024 * 1024;
export const ALL_BYTES_AT_MOST = 16 * 1024 * 1024;
/** Entries of the folder that are looked at, with those that are no rules. */
const ENTRIES_AT_MOST = 20_000;
const DEPTH_AT_MOST = 8;
/** Mistakes that are told of one look. */
export const MISTAKES_AT_MOST = 100;

const RULES = /\.(?:ya?ml|json)$/i;
/** Files for `monscale test`, which stand beside the rules. */
const TESTS = /\.test\.(?:ya?ml|json)$/i;

/**
 * Reads the rules of a folder and of those below it: `.yaml`, `.yml` and `.json`, without hidden files and tests. Links are
 * followed where they stay within the folder, as in a mounted ConfigMap, whose files are links to a hidden folder; the
 * folder may be a link itself, as git-sync makes it. What is no regular file, leads out, or is too large is a mistake, and
 * is never opened. Where a link was changed meanwhile the next look is another one: callers take what two looks agree on.
 */
export async function readRuleFiles(folder: string): Promise<Look> {
  const look: Omit<Look, 'hash'> = { files: [], mistakes: [] };
  try {
    const root = await realpath(folder);
    const paths = await new Walk(root, look.mistakes).paths();
    let bytes = 0;
    for (const path of paths.sort()) {
      if (look.mistakes.length >= MISTAKES_AT_MOST) break;
      const read = await readRuleFile(root, path);
      if ('detail' in read) look.mistakes.push({ file: path, pointer: '', detail: read.detail });
      else if ((bytes += read.bytes) <= ALL_BYTES_AT_MOST) look.files.push({ path, text: read.text });
      else {
        const detail = `the files have more than ${ALL_BYTES_AT_MOST / 2 ** 20} MB together`;
        look.mistakes.push({ file: path, pointer: '', detail });
        break;
      }
    }
    if ((await realpath(folder)) !== root) throw new Error('it was replaced while it was read');
  } catch (error) {
    look.files = [];
    look.mistakes.push({ pointer: '', detail: `the folder can't be read: ${messageOf(error)}` });
  }
  return { ...look, hash: hashOf(look) };
}

function hashOf({ files, mistakes }: Omit<Look, 'hash'>): string {
  const hash = createHash('sha256');
  for (const { path, text } of files) hash.update(JSON.stringify([path, text]));
  if (mistakes.length > 0) hash.update(JSON.stringify(mistakes));
  return hash.digest('hex');
}

/** Finds the files of rules below a folder. */
class Walk {
  private readonly found: string[] = [];
  private entries = 0;

  constructor(
    private readonly root: string,
    private readonly mistakes: Mistake[],
  ) {}

  async paths(): Promise<string[]> {
    await this.below('', 0);
    return this.found;
  }

  private async below(folder: string, depth: number): Promise<void> {
    for (const entry of await readdir(join(this.root, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (++this.entries > ENTRIES_AT_MOST)
        throw new Error(`it has more than ${ENTRIES_AT_MOST} entries; rules want a folder of their own`);
      if (entry.name.startsWith('.')) continue;
      if (await this.isFolder(entry, path)) {
        if (depth < DEPTH_AT_MOST) await this.below(path, depth + 1);
        else
          this.mistakes.push({ file: path, pointer: '', detail: `is nested deeper than ${DEPTH_AT_MOST}` });
      } else if (RULES.test(entry.name) && !TESTS.test(entry.name)) this.found.push(path);
      if (this.found.length > FILES_AT_MOST)
        throw new Error(`it has more than ${FILES_AT_MOST} files of rules`);
    }
  }

  /** Tells whether an entry is a folder to look into; a link to one is, where it stays within. */
  private async isFolder(
    entry: { isDirectory(): boolean; isSymbolicLink(): boolean; name: string },
    path: string,
  ): Promise<boolean> {
    if (!entry.isSymbolicLink()) return entry.isDirectory();
    const target = await stat(join(this.root, path)).catch(() => undefined);
    // Links to files are looked at when those are read; one that leads nowhere is a mistake there.
    if (target?.isDirectory() !== true) return false;
    const real = await realpath(join(this.root, path));
    if (isBelow(real, this.root) && !`${this.root}${sep}${path}${sep}`.startsWith(`${real}${sep}`))
      return true;
    this.mistakes.push({ file: path, pointer: '', detail: OUTSIDE });
    return false;
  }
}

const OUTSIDE = 'is a link that leads out of the folder, or back up in it';

async function readRuleFile(
  root: string,
  path: string,
): Promise<{ text: string; bytes: number } | { detail: string }> {
  try {
    const real = await realpath(join(root, path));
    if (!isBelow(real, root)) return { detail: OUTSIDE };
    const refused = refusal(await stat(real));
    if (refused !== undefined) return { detail: refused };
    // Not followed and not waited for, should it have become a link or a pipe meanwhile.
    const file = await open(real, READ_ONLY);
    try {
      const again = refusal(await file.stat());
      if (again !== undefined) return { detail: again };
      const content = await bytesUpTo(file, FILE_BYTES_AT_MOST);
      if (content === undefined) return { detail: TOO_LARGE };
      if (!isUtf8(content)) return { detail: 'is no text in UTF-8' };
      return { text: content.toString('utf8'), bytes: content.length };
    } finally {
      await file.close();
    }
  } catch (error) {
    return { detail: `can't be read: ${messageOf(error)}` };
  }
}

const TOO_LARGE = `is larger than ${FILE_BYTES_AT_MOST / 2 ** 20} MB`;

function refusal(stats: Stats): string | undefined {
  if (!stats.isFile()) return 'is no regular file';
  return stats.size > FILE_BYTES_AT_MOST ? TOO_LARGE : undefined;
}
