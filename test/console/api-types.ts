/**
 * Types of the API for the console, made from its description: `npm run api:types` writes them, a spec says when they are
 * stale.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { testPort } from '../ports';
import { MonscaleProcess } from '../program';

const ROOT = join(__dirname, '..', '..');
export const TYPES = join(ROOT, 'src', 'console', 'web', 'api', 'schema.ts');

/** Returns the types for a description, as `/docs-json` answers it. */
export async function typesOf(description: object): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'monscale-api-types-'));
  try {
    const [given, made] = [join(folder, 'api.json'), join(folder, 'api.ts')];
    writeFileSync(given, JSON.stringify(description));
    await promisify(execFile)(join(ROOT, 'node_modules', '.bin', 'openapi-typescript'), [
      given,
      '--empty-objects-unknown',
      '-o',
      made,
    ]);
    return readFileSync(made, 'utf8');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Starts the program as it is built, asks it, and writes the types. */
async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'monscale-api-types-'));
  const program = new MonscaleProcess({ env: { MONSCALE_DATA_DIR: folder } }, await testPort());
  try {
    await program.ready();
    writeFileSync(TYPES, await typesOf((await program.root.get('/docs-json')).body as object));
  } finally {
    await program.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

if (require.main === module) void main();
