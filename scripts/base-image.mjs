/**
 * Bases for the image, made of this machine's Node and the packages of its Debian, where no registry can be reached: one
 * that builds, and one that runs, which is Node and its libraries alone, without a shell. Needs root, buildah and apt.
 * `npm run image -- --own-bases` makes and uses them.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export const BUILD_BASE = 'localhost/monscale-base-build';
export const RUN_BASE = 'localhost/monscale-base-run';

/** Libraries of Node, and base-files: /etc/os-release, /tmp and the like. */
const RUN_PACKAGES = ['base-files', 'libc6', 'libgcc-s1', 'libstdc++6'];
/** What npm and the commands of the Containerfile ask for: a shell, chmod, rm and their libraries. */
const BUILD_PACKAGES = [
  ...RUN_PACKAGES,
  ...['dash', 'coreutils', 'libacl1', 'libattr1', 'libgmp10', 'libpcre2-8-0', 'libselinux1'],
];
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';
const PATH = '/usr/local/bin:/usr/bin:/bin';

/** Makes those of the bases that are not there yet. @throws when a command fails, with what it said */
export function makeBases() {
  // npm trusts whom this machine trusts: its registry may be a mirror.
  makeBase(BUILD_BASE, fillBuildBase, { PATH, NODE_EXTRA_CA_CERTS: CERTIFICATES });
  makeBase(RUN_BASE, fillRunBase, { PATH });
}

function makeBase(name, fill, environment) {
  if (spawnSync('buildah', ['inspect', '--type', 'image', name]).status === 0) return;
  console.error(`monscale: making ${name}`);
  const container = said('buildah', ['from', 'scratch']);
  try {
    const folder = said('buildah', ['mount', container]);
    fill(folder);
    // What lacks a library is no base.
    said('chroot', [folder, 'node', '--version']);
    const variables = Object.entries(environment).flatMap((pair) => ['--env', pair.join('=')]);
    said('buildah', ['config', ...variables, container]);
    said('buildah', ['commit', '--quiet', container, name]);
  } finally {
    said('buildah', ['rm', container]);
  }
}

function fillRunBase(folder) {
  bringPackages(folder, RUN_PACKAGES);
  bringNode(folder);
  writeFileSync(join(folder, 'etc/nsswitch.conf'), 'hosts: files dns\n');
}

function fillBuildBase(folder) {
  bringPackages(folder, BUILD_PACKAGES);
  if (!existsSync(join(folder, 'bin/sh'))) symlinkSync('dash', join(folder, 'bin/sh'));
  bringNode(folder);
  const npm = dirname(dirname(realpathSync(said('sh', ['-c', 'command -v npm']))));
  cpSync(npm, join(folder, 'usr/local/lib/node_modules/npm'), { recursive: true });
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(folder, 'usr/local/bin/npm'));
  mkdirSync(dirname(join(folder, CERTIFICATES)), { recursive: true });
  cpSync(CERTIFICATES, join(folder, CERTIFICATES), { dereference: true });
}

function bringPackages(folder, names) {
  const downloads = mkdtempSync(join(tmpdir(), 'packages-'));
  const known = join(folder, 'var/lib/dpkg/status.d');
  try {
    said('apt-get', ['download', '-qq', ...names], downloads);
    mkdirSync(known, { recursive: true });
    for (const file of readdirSync(downloads)) {
      said('dpkg-deb', ['--extract', join(downloads, file), folder]);
      // Where scanners look for the packages of an image that has no dpkg.
      writeFileSync(
        join(known, file.split('_')[0]),
        `${said('dpkg-deb', ['--field', join(downloads, file)])}\n`,
      );
    }
  } finally {
    rmSync(downloads, { recursive: true });
  }
}

function bringNode(folder) {
  mkdirSync(join(folder, 'usr/local/bin'), { recursive: true });
  cpSync(process.execPath, join(folder, 'usr/local/bin/node'), { dereference: true });
}

/** Returns what a command prints. @throws when it fails, with its last words */
function said(command, args, cwd) {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 1 << 24,
  });
  if (status === 0) return stdout.trim();
  const words = error?.message ?? `${stdout}${stderr}`.trim().split('\n').slice(-3).join('\n');
  throw new Error(`${command} ${args[0]} failed: ${words}`);
}
