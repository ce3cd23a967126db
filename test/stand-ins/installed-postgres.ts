/** PostgreSQL as Debian packs it, with its own tools: what is dumped, restored, replicated. */
import { spawn, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '../../src/embedded/postgres';
import { asSuperuser } from '../databases';

const ALL = '/usr/lib/postgresql';

/** Folder of the newest that is installed; undefined where none is. */
export function postgresFolder(): string | undefined {
  const versions = existsSync(ALL) ? readdirSync(ALL).map(Number).filter(Number.isFinite) : [];
  const folder = join(ALL, String(Math.max(...versions)));
  return versions.length > 0 && existsSync(join(folder, 'bin', 'postgres')) ? folder : undefined;
}

export interface InstalledPostgres {
  url: string;
  superuserUrl: string;
  /** Where its cluster `postgres` lies. */
  folder: string;
  /** Ends the server, which nobody starts again, and leaves its folder. */
  halt(): Promise<void>;
  stop(): Promise<void>;
}

/** @param connections that it takes; by default as the embedded one */
export async function startInstalledPostgres({
  connections,
}: { connections?: number } = {}): Promise<InstalledPostgres> {
  const folder = realpathSync(mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'postgres-')));
  const server = await startPostgres(folder, () => undefined, false, {
    installed: postgresFolder()!,
    connections,
  });
  const halt = () => server.stop();
  const stop = async () => {
    await halt();
    rmSync(folder, { recursive: true, force: true });
  };
  return { url: server.url, superuserUrl: asSuperuser(server.url, folder), folder, halt, stop };
}

/** Runs one of PostgreSQL's programs to its end. @returns what it printed @throws with what it complained of */
export async function runTool(
  tool: string,
  args: readonly string[],
  { input = '', ...options }: SpawnOptions & { input?: string } = {},
): Promise<string> {
  const child = spawn(join(postgresFolder()!, 'bin', tool), args, options);
  let [said, complained] = ['', ''];
  child.stdout?.on('data', (chunk: Buffer) => (said += String(chunk)));
  child.stderr?.on('data', (chunk: Buffer) => (complained += String(chunk)));
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${tool} ended with ${code}: ${complained.slice(0, 2_000)}`);
  return said;
}
