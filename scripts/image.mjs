/**
 * `npm run image -- <arguments>`: builds the image by the Containerfile, with docker, podman or buildah, whichever is
 * there and can build. It is named monscale:<version>; arguments are handed on.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './setup.mjs';

process.chdir(root);
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const common = ['--file', 'Containerfile', '--tag', `monscale:${version}`];

/** What asks each of them whether it can build, and how it is told to. A client of Docker may be there without an engine. */
const builders = [
  { command: 'docker', asks: ['info'], build: ['build', ...common] },
  { command: 'podman', asks: ['info'], build: ['build', ...common] },
  { command: 'buildah', asks: ['--version'], build: ['bud', ...common] },
];
const found = builders.find(
  ({ command, asks }) => spawnSync(command, asks, { stdio: 'ignore' }).status === 0,
);
if (found === undefined) {
  console.error('monscale: an image is built by docker, podman or buildah, and none of them is here');
  process.exit(1);
}
process.exit(
  await run(found.command, [...found.build, ...process.argv.slice(2), '.'], {
    stdio: ['ignore', 'inherit', 'inherit'],
  }),
);
