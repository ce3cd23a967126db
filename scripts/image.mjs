/**
 * `npm run image -- <options> <arguments>`: builds the image by the Containerfile, with docker, podman or buildah,
 * whichever is there and can build, and prints its size. It is named monscale:<version>; arguments are handed on.
 *
 *     --own-bases   on bases made of this machine's Debian and Node (base-image.mjs), where no registry can be reached
 *     --try         runs the workloads of the manifests from its root file system (test/deploy-running.spec.ts), and looks at its files
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BUILD_BASE, makeBases, RUN_BASE } from './base-image.mjs';
import { root, run } from './setup.mjs';

process.chdir(root);
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const image = `monscale:${version}`;
const common = ['--file', 'Containerfile', '--tag', image];

/** What asks each of them whether it can build, and how it is told to. A client of Docker may be there without an engine. */
const builders = [
  { command: 'docker', asks: ['info'], build: ['build', ...common] },
  { command: 'podman', asks: ['info'], build: ['build', ...common] },
  { command: 'buildah', asks: ['--version'], build: ['bud', ...common] },
];
const ownBases = ['--build-arg', `BUILD_IMAGE=${BUILD_BASE}`, '--build-arg', `RUN_IMAGE=${RUN_BASE}`];

const given = process.argv.slice(2);
const isTried = given.includes('--try');
const hasOwnBases = given.includes('--own-bases');
const handedOn = given.filter((word) => word !== '--try' && word !== '--own-bases');

const builder = builders.find(
  ({ command, asks }) =>
    // The bases are in the storage of buildah, and --try looks into it.
    (command === 'buildah' || !(hasOwnBases || isTried)) && spawnSync(command, asks).status === 0,
);
if (builder === undefined) {
  const wanted =
    hasOwnBases || isTried ? 'buildah, which is' : 'docker, podman or buildah, and none of them is';
  fail(`an image is built by ${wanted} ${hasOwnBases || isTried ? 'not ' : ''}here`);
}
try {
  if (hasOwnBases) makeBases();
} catch (error) {
  fail(error.message);
}
const code = await run(
  builder.command,
  [...builder.build, ...(hasOwnBases ? ownBases : []), ...handedOn, '.'],
  { stdio: ['ignore', 'inherit', 'inherit'], env: isolation() },
);
if (code !== 0) process.exit(code);
console.log(`${image}: ${said(builder.command, ['images', '--format', '{{.Size}}', image]).split('\n')[0]}`);
process.exit(isTried ? await tryIt() : 0);

/** Without a runtime for containers buildah runs the commands of a build in a chroot. */
function isolation() {
  const hasRuntime = ['crun', 'runc'].some((command) => spawnSync(command, ['--version']).status === 0);
  const { BUILDAH_ISOLATION } = process.env;
  return builder.command !== 'buildah' || hasRuntime || BUILDAH_ISOLATION
    ? {}
    : { BUILDAH_ISOLATION: 'chroot' };
}

/** Lays out root file system and settings of the image in a folder, and has the spec start workloads there. */
async function tryIt() {
  const folder = mkdtempSync(join(tmpdir(), 'monscale-image-'));
  const container = said('buildah', ['from', '--pull-never', image]);
  // Also when it is interrupted, which ends this process from within `run`.
  process.on('exit', () => {
    spawnSync('buildah', ['rm', container]);
    rmSync(folder, { recursive: true, force: true });
  });
  mkdirSync(join(folder, 'root'));
  const { OCIv1 } = JSON.parse(said('buildah', ['inspect', '--type', 'image', image]));
  writeFileSync(join(folder, 'config.json'), JSON.stringify(OCIv1.config));
  said('cp', ['-a', `${said('buildah', ['mount', container])}/.`, join(folder, 'root')]);
  const code = await run(process.execPath, ['scripts/test.mjs', 'test/image.spec', 'test/deploy-running'], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { TEST_IMAGE: folder },
  });
  console.log(
    code === 0
      ? `${image} was tried: its files are as they should be, and every workload of the manifests ran from it`
      : `${image} was tried, and is not as it should be: see above`,
  );
  return code;
}

/** Returns what a command prints. @throws when it fails, with what it said */
function said(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args[0]} failed: ${error?.message ?? stderr.trim()}`);
  return stdout.trim();
}

function fail(why) {
  console.error(`monscale: ${why}`);
  process.exit(1);
}
