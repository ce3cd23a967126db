import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';

/** Folder of the build, from where this file is compiled to. */
const BUILT = join(__dirname, '..', '..', 'console');

const TYPES: Record<string, string> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};
const ENCODINGS = { br: '.br', gzip: '.gz' } as const;

export type Encoding = keyof typeof ENCODINGS;

/** File of the page, as it is and compressed. */
export interface Asset {
  type: string;
  plain: Buffer;
  encoded: Partial<Record<Encoding, Buffer>>;
}

/** Files that the console is built to, kept in memory: about 2 MB. */
export class ConsoleFiles {
  /** Page without the path it is served below; undefined where the console has not been built. */
  readonly page?: string;
  private readonly assets = new Map<string, Asset>();

  constructor(folder = BUILT) {
    const page = join(folder, 'index.html');
    if (!existsSync(page)) return;
    this.page = readFileSync(page, 'utf8');
    const assets = join(folder, 'assets');
    for (const name of readdirSync(assets)) {
      const type = TYPES[extname(name)];
      if (type !== undefined) this.assets.set(name, assetOf(join(assets, name), type));
    }
  }

  /** Returns an asset by its file name, which has the hash of its content in it. */
  asset(name: string): Asset | undefined {
    return this.assets.get(name);
  }
}

function assetOf(file: string, type: string): Asset {
  const kept = Object.entries(ENCODINGS).filter(([, ending]) => existsSync(file + ending));
  const encoded = Object.fromEntries(kept.map(([name, ending]) => [name, readFileSync(file + ending)]));
  return { type, plain: readFileSync(file), encoded };
}
