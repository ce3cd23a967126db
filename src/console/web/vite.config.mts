import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

/** Packages that every page needs: all but those of the editor of conditions and of charts. */
const KIT = /node_modules\/(?!@codemirror|@lezer|@marijn|crelt|style-mod|w3c-keyname|uplot)/;
/** What pages are made of. Pages themselves are loaded one by one, as they are opened. */
const PARTS = /console\/web\/(forms|parts)\/(?!cel-editor|chart\.|required)/;

/** Near the best ratio at a fifth of the time of the best. */
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } };

/** Writes `.br` and `.gz` beside each asset, so that none is compressed while it is served. */
const compressed: Plugin = {
  name: 'compressed',
  async writeBundle({ dir }, bundle) {
    const names = Object.keys(bundle).filter((name) => name.startsWith('assets/'));
    await Promise.all(
      names.map(async (name) => {
        const file = join(dir!, name);
        const content = await readFile(file);
        await writeFile(`${file}.br`, await promisify(brotliCompress)(content, BROTLI));
        await writeFile(`${file}.gz`, await promisify(gzip)(content, { level: 9 }));
      }),
    );
  },
};

export default defineConfig({
  root: import.meta.dirname,
  // Below any path: the page says where it is by its <base>.
  base: './',
  plugins: [compressed],
  build: {
    target: 'es2022',
    // They know light-dark().
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    emptyOutDir: true,
    // No data: URLs, which the content security policy would have to allow.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1_000,
    rolldownOptions: {
      output: {
        codeSplitting: {
          includeDependenciesRecursively: false,
          // Many small files compress worse than one, and each is a request.
          groups: [
            { name: 'kit', test: KIT, priority: 2 },
            { name: 'parts', test: PARTS, priority: 1 },
          ],
        },
      },
      checks: { pluginTimings: false },
      onwarn: (warning, warn) => {
        // "use client" is for servers that render.
        if (warning.code !== 'MODULE_LEVEL_DIRECTIVE') warn(warning);
      },
    },
  },
});
