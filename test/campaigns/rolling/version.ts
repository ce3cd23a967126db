/** The program in a version of its own: what is checked out here, or another one, checked out aside and built by its own set-up. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const ROOT = resolve(__dirname, '..', '..', '..');
const CLI = join('scripts', 'cli.mjs');

export interface Version {
  name: string;
  folder: string;
  remove(): void;
}

/** What is checked out here, which `npm run campaign` has built. */
export const thisVersion = (): Version => ({ name: 'this version', folder: ROOT, remove: () => undefined });

/** What a pod runs, and its init container or the Job. */
export const programOf = ({ folder }: Version): string[] => [join(folder, 'dist', 'src', 'main.js')];
export const migrateOf = ({ folder }: Version, ...more: string[]): string[] => [
  join(folder, CLI),
  'migrate',
  ...more,
];

/**
 * Checks a version out into a temporary folder and builds it.
 *
 * @param from a git ref; or a folder with a checkout of it, which is left as it is
 * @throws Error when git or the build of that version fails, with what it said
 */
export async function versionAt(from: string, say: (line: string) => void): Promise<Version> {
  const folder = resolve(ROOT, from);
  if (from !== '' && existsSync(join(folder, CLI)) && statSync(folder).isDirectory()) {
    await setUp(folder);
    return { name: from, folder, remove: () => undefined };
  }
  const ref = from === '' ? await previousRef() : from;
  const [commit, subject] = (await git('log', '-1', '--format=%h%n%s', `${ref}^{commit}`)).split('\n');
  const name = `${ref === commit ? '' : `${ref}, `}${commit}`;
  say(`the previous version: ${name}, ${JSON.stringify(subject)}`);
  const made = realpathSync(mkdtempSync(join(tmpdir(), 'monscale-previous-')));
  const remove = () => rmSync(made, { recursive: true, force: true });
  try {
    await checkOut(commit!, made);
    await linkPackages(made);
    await setUp(made);
    return { name, folder: made, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/**
 * Finds the version to come from: the newest tag but that of HEAD; without one the newest commit that lacks the migration
 * that came last, which is what makes an update more than a restart.
 */
export async function previousRef(): Promise<string> {
  const head = await git('rev-parse', 'HEAD');
  const tags = (await git('tag', '--merged', 'HEAD', '--sort=-creatordate')).split('\n').filter(Boolean);
  for (const tag of tags) if ((await git('rev-parse', `${tag}^{commit}`)) !== head) return tag;
  const known = (await git('ls-tree', '--name-only', 'HEAD', 'migrations/')).split('\n');
  const isNew = (file: string) => file.endsWith('.ts') && !known.includes(`migrations/${file}`);
  if (readdirSync(join(ROOT, 'migrations')).some(isNew)) return 'HEAD';
  const added = await git('log', '-1', '--diff-filter=A', '--format=%H', '--', 'migrations');
  const before = await git('rev-parse', '--short', `${added}^`).catch(() => undefined);
  if (added === '' || before === undefined)
    throw new Error('git knows of no version before this one (a shallow clone?): name one by --from');
  return before;
}

const run = promisify(execFile);

async function git(...args: string[]): Promise<string> {
  const { stdout } = await run('git', args, { cwd: ROOT, maxBuffer: 1 << 26 });
  return stdout.trim();
}

/** Without a word in this repository: a worktree would be noted there. */
async function checkOut(commit: string, folder: string): Promise<void> {
  const archive = join(folder, '.archive.tar');
  await git('archive', '--output', archive, commit);
  await run('tar', ['-x', '-f', archive, '-C', folder]);
  rmSync(archive);
}

/**
 * Gives a checkout the packages of this one: its own set-up finds out whether they are what it wants, and else installs all
 * anew. By hard links, which another disk does not have: there they are copied.
 */
async function linkPackages(folder: string): Promise<void> {
  const [from, to] = [join(ROOT, 'node_modules'), join(folder, 'node_modules')];
  if (!existsSync(from)) return;
  await run('cp', ['-al', from, to]).catch(async () => {
    rmSync(to, { recursive: true, force: true });
    await run('cp', ['-a', from, to]);
  });
}

/** Installs what is missing of its packages, and builds it. */
async function setUp(folder: string): Promise<void> {
  const build = spawn(
    process.execPath,
    ['-e', `import(${JSON.stringify(join(folder, 'scripts', 'setup.mjs'))}).then((setup) => setup.setUp())`],
    { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] },
  );
  const [code] = (await once(build, 'close')) as [number | null];
  if (code !== 0) throw new Error(`the set-up of ${folder} ended with ${code}`);
}
