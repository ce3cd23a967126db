import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { defineConfig, type Plugin, type Rolldown } from 'vite';

/** Packages that every page needs: all but those of the editor of conditions and of charts; and styles, which are the page's. */
const KIT = /node_modules\/(?!@codemirror|@lezer|@marijn|crelt|style-mod|w3c-keyname|uplot).*(?<!\.css)$/;
/** What pages are made of, and the shell. Pages themselves are loaded one by one, as they are opened; the first script waits for neither. */
const PARTS =
  /console\/web\/(api|app|forms|parts)\/(?!early|base|clock|cel-editor|chart\.|required).*(?<!\.css)$/;

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

/**
 * Has browsers load, with the page, what its first script would ask for: `main.tsx` and all that it imports. The script
 * itself waits for none of it.
 */
const loadedAtOnce: Plugin = {
  name: 'loaded-at-once',
  transformIndexHtml: {
    order: 'post',
    handler: (_html, { bundle = {} }) => {
      const main = Object.values(bundle).find((one) => one.type === 'chunk' && one.name === 'main');
      if (main === undefined) throw new Error('main.tsx has no chunk');
      return [...withImports(main.fileName, bundle)].map((name) => ({
        tag: 'link',
        attrs: { rel: 'modulepreload', crossorigin: true, href: `./${name}` },
        injectTo: 'head' as const,
      }));
    },
  },
};

/** Names of a chunk and of all that it imports. */
function withImports(name: string, bundle: Rolldown.OutputBundle, found = new Set<string>()): Set<string> {
  const chunk = bundle[name];
  if (chunk?.type !== 'chunk' || chunk.isEntry || found.has(name)) return found;
  found.add(name);
  for (const imported of chunk.imports) withImports(imported, bundle, found);
  return found;
}

export default defineConfig({
  root: import.meta.dirname,
  // Below any path: the page says where it is by its <base>.
  base: './',
  plugins: [loadedAtOnce, compressed],
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
