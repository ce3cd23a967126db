/**
 * Compiles the program's sources, each file by itself, into a folder: what takes seconds is to check types, which is a
 * matter of `npm test`.
 *
 *     node scripts/compile.mjs dist
 */
import { transformFile } from '@swc/core';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { programSources, root } from './setup.mjs';
import swc from './swc.cjs';

const OPTIONS = {
  swcrc: false,
  jsc: swc.jsc,
  // What is published as ES modules alone is imported as it is needed.
  module: { type: 'commonjs', ignoreDynamic: true, lazy: swc.lazy },
  sourceMaps: true,
  inlineSourcesContent: false,
};
/** Where the result is in the end, by which source maps tell the way to the sources. */
const PLACE = 'dist';
/** Files that are compiled side by side: a build of an image may have no more than 1024 of them open. */
const AT_ONCE = 32;

process.chdir(root);
const [folder] = process.argv.slice(2);

async function compile(source) {
  const name = source.replace(/\.ts$/, '.js');
  const target = join(folder, name);
  const sourceFileName = relative(dirname(join(PLACE, name)), source);
  const { code, map } = await transformFile(source, { ...OPTIONS, sourceFileName });
  await mkdir(dirname(target), { recursive: true });
  await Promise.all([
    writeFile(target, `${code}\n//# sourceMappingURL=${basename(target)}.map\n`),
    writeFile(`${target}.map`, map),
  ]);
}

const sources = programSources();
async function worker() {
  for (let source = sources.shift(); source !== undefined; source = sources.shift()) await compile(source);
}
await Promise.all(Array.from({ length: AT_ONCE }, worker));
