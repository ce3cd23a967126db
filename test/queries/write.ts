/** Writes `docs/queries`, on a PostgreSQL of its own: `npm run docs:queries`. */
import 'reflect-metadata';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate } from '../../src/database/migrate';
import { startEmbeddedServers } from '../../src/embedded/embedded-servers';
import { FOLDER, keptPages, pagesOf } from './pages';
import { reviewed } from './review';

async function write(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'monscale-queries-'));
  try {
    const servers = await startEmbeddedServers(folder, () => undefined, { durable: false });
    try {
      await migrate(servers.databaseUrl, () => undefined);
      writePages(pagesOf(await reviewed(servers.databaseUrl)));
    } finally {
      await servers.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function writePages(pages: ReadonlyMap<string, string>): void {
  mkdirSync(FOLDER, { recursive: true });
  const before = keptPages();
  for (const file of before.keys()) if (!pages.has(file)) rmSync(join(FOLDER, file));
  for (const [file, page] of pages) if (before.get(file) !== page) writeFileSync(join(FOLDER, file), page);
}

void write();
