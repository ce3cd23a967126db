/**
 * What a bare clone needs before it can run: packages and a build. Plain Node, as there may be no packages yet.
 * All it says goes to stderr; stdout belongs to the program.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
/** False where monscale is installed as a package, which is built before it is packed, or runs in an image. */
export const isCheckout = existsSync(join(root, 'src'));

const LOCK_MS = 600_000;
const built = join(root, 'dist');
const stamp = join(built, '.sources');
/** A folder named `dist` is ignored by git at any depth. */
const workshop = join(root, '.build');
/** Lock file that npm leaves of what it has installed. */
const INSTALLED = 'node_modules/.package-lock.json';
const CONSOLE = join('src', 'console', 'web');

/**
 * Installs and builds what is missing or out of date; looks, and does nothing more, when all is there. A checkout is
 * worked on where it is; what is installed keeps its data where it is started.
 *
 * @param forTests also what only tests, benchmarks and the demo need
 */
export async function setUp({ forTests = false } = {}) {
  requireNode(20, 19);
  if (!isCheckout) return;
  process.chdir(root);
  if (isInstalled(forTests) && isBuilt()) return;

  const unlock = await lock();
  try {
    // Whoever held the lock may have done it.
    if (!isInstalled(forTests)) await install(forTests);
    if (!isBuilt()) await build();
  } finally {
    unlock();
  }
}

/** Runs a command to its end; Ctrl-C and SIGTERM end it, and with it this program. Returns its exit code. */
export async function run(command, args, { stdio = ['ignore', 2, 2], env = {} } = {}) {
  // In a group of its own, it gets each signal once: from here, not from the terminal as well.
  const child = spawn(command, args, { cwd: root, stdio, env: { ...process.env, ...env }, detached: true });
  let received;
  const forward = (signal) => {
    received = signal;
    process.kill(-child.pid, signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];
  for (const signal of signals) process.on(signal, forward);
  try {
    const [code] = await once(child, 'close');
    if (received) process.exit(received === 'SIGINT' ? 130 : 143);
    return code ?? 1;
  } catch (error) {
    console.error(`monscale: cannot run ${command}: ${error.message}`);
    return 127;
  } finally {
    for (const signal of signals) process.off(signal, forward);
  }
}

function requireNode(major, minor) {
  const [hasMajor, hasMinor] = process.versions.node.split('.').map(Number);
  if (hasMajor > major || (hasMajor === major && hasMinor >= minor)) return;
  console.error(`monscale needs Node ${major}.${minor} or later; this is ${process.versions.node}`);
  process.exit(1);
}

/**
 * npm writes its own lock file into node_modules at the end of an install, so no stamp of ours is needed: every
 * package of package-lock.json is in there, as wanted. Optional ones may be for other systems.
 */
function isInstalled(forTests) {
  const installed = packagesIn(INSTALLED);
  const isAsWanted = ([path, { version, integrity }]) =>
    installed[path]?.version === version && installed[path].integrity === integrity;
  const isWanted = ([path, { optional, link, dev, devOptional }]) =>
    path.includes('node_modules/') && !optional && !link && (forTests || (!dev && !devOptional));
  return Object.entries(packagesIn('package-lock.json')).filter(isWanted).every(isAsWanted);
}

function packagesIn(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).packages : {};
}

/** Installs packages, whatever NODE_ENV says. Those for tests are added beside a program that may be running. */
async function install(forTests) {
  console.error('monscale: installing packages (a minute or so)');
  const isAdded = forTests && isInstalled(false);
  // Those for tests that are there stay there.
  const some = forTests || existsSync(join('node_modules', 'jest')) ? '--include=dev' : '--omit=dev';
  const command = isAdded ? ['install', '--no-save'] : ['ci'];
  const code = await run('npm', [...command, some, '--no-audit', '--no-fund', '--loglevel=error']);
  if (code !== 0) fail(`npm ${command[0]}`, code);
}

function isBuilt() {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === sourcesHash();
}

/** Built aside and swapped in: nobody meets half a build, and a failed one leaves the last in place. */
async function build() {
  console.error('monscale: building');
  const hash = sourcesHash();
  rmSync(workshop, { recursive: true, force: true });
  mkdirSync(join(workshop, 'old'), { recursive: true });
  const codes = await Promise.all([
    run(process.execPath, ['scripts/compile.mjs', join('.build', 'dist')]),
    bringConsole(join('.build', 'dist', 'console')),
  ]);
  const code = codes.find((one) => one !== 0) ?? 0;
  if (code === 0) {
    writeFileSync(join(workshop, 'dist', '.sources'), hash);
    if (existsSync(built)) renameSync(built, join(workshop, 'old', 'dist'));
    renameSync(join(workshop, 'dist'), built);
  }
  rmSync(workshop, { recursive: true, force: true });
  if (code !== 0) fail(codes[0] === 0 ? 'vite build' : 'compiling', code);
}

/** Brings the console's page from the last build, or builds it where its source has changed since. */
async function bringConsole(folder) {
  const hash = hashOf(consoleSources());
  const last = join(built, 'console');
  if (existsSync(join(last, '.sources')) && readFileSync(join(last, '.sources'), 'utf8') === hash) {
    cpSync(last, folder, { recursive: true });
    return 0;
  }
  const code = await buildConsole(folder);
  if (code === 0) writeFileSync(join(folder, '.sources'), hash);
  return code;
}

/** Builds the console's page into a folder of the root. Returns the exit code. */
export const buildConsole = (folder) =>
  run('node_modules/.bin/vite', [
    ...['build', '--config', join(CONSOLE, 'vite.config.mts'), '--logLevel', 'warn'],
    ...['--outDir', resolve(folder)],
  ]);

/** What the page is made of: its own source, and the engine, which it runs, too. */
const consoleSources = () => [
  'package-lock.json',
  ...[CONSOLE, join('src', 'engine')].flatMap((folder) => filesIn(folder)),
];

/** Sources of the program, by their paths from the root. */
export const programSources = () =>
  ['src', 'migrations']
    .flatMap((folder) => filesIn(folder))
    .filter((file) => /\.ts$/.test(file) && !/\.d\.ts$/.test(file) && !file.startsWith(CONSOLE));

const sourcesHash = () =>
  hashOf([
    ...[
      'package-lock.json',
      'nest-cli.json',
      'tsconfig.json',
      join('scripts', 'compile.mjs'),
      join('scripts', 'swc.cjs'),
    ],
    ...['src', 'migrations'].flatMap((folder) => filesIn(folder)),
  ]);

/** Files in a folder, at any depth, other than specs. */
function filesIn(folder) {
  const inside = readdirSync(folder, { recursive: true }).map((name) => join(folder, name));
  return inside.filter((file) => !file.endsWith('.spec.ts') && statSync(file).isFile()).sort();
}

function hashOf(files) {
  const hash = createHash('sha256');
  for (const file of files) hash.update(`${file}\0`).update(readFileSync(file)).update('\0');
  return hash.digest('hex');
}

/**
 * One set-up at a time on a checkout. Linux takes the name of an abstract socket back when its owner ends, so
 * that no lock is ever left behind; elsewhere there is nothing alike, and no lock.
 */
async function lock() {
  if (process.platform !== 'linux') return () => undefined;
  const { dev, ino } = statSync(root);
  for (let waitedMs = 0; waitedMs < LOCK_MS; waitedMs += 200) {
    const server = createServer().listen(`\0monscale-setup-${dev}-${ino}`);
    try {
      await once(server, 'listening');
      return () => server.close();
    } catch {
      if (waitedMs === 0) console.error('monscale: another start sets this checkout up; waiting for it');
      await sleep(200);
    }
  }
  throw new Error('another start has been setting this checkout up for 10 minutes');
}

function fail(what, code) {
  console.error(`monscale: ${what} failed`);
  process.exit(code);
}
