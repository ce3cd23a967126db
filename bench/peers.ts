/** The peers' own benchmarks, from `peers/`, so that both are measured in one run. */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const SCRIPTS = resolve(__dirname, 'peers');
let copy: string | undefined;

/** A copy of the scripts, which write beside themselves, with their generators built: that needs gcc and make. */
export function peersFolder(): string {
  if (copy === undefined) {
    copy = mkdtempSync(join(tmpdir(), 'monscale-peers-'));
    // Some of them run under users of their own.
    chmodSync(copy, 0o755);
    cpSync(SCRIPTS, copy, { recursive: true });
    spawnSync('make', ['-C', join(copy, 'common')], { stdio: 'ignore' });
  }
  return copy;
}

export const isInstalled = (program: string): boolean =>
  spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status === 0;

/**
 * What one of their scripts printed; undefined, with a line that says why, where it can't be run.
 *
 * @param needs programs it calls; `peers/install.sh` brings them
 */
export function runPeer(
  script: string,
  args: readonly (string | number)[],
  needs: readonly string[],
  env: Record<string, string> = {},
): string | undefined {
  const folder = peersFolder();
  const missing = needs.filter((program) => !isInstalled(program));
  if (missing.length > 0) {
    console.log(`\n${script} is left out: ${missing.join(', ')} is not there`);
    return undefined;
  }
  const { stdout } = spawnSync('bash', [join(folder, script), ...args.map(String)], {
    env: { ...process.env, LOCK: join(folder, '.lock'), ...env },
    encoding: 'utf8',
    timeout: 180_000,
  });
  return stdout;
}

/** The number behind a name in such a line: `actions/s=4073`. */
export function figureIn(line: string | undefined, name: string): number | undefined {
  const [, text] = new RegExp(`(?:^|\\s)${name}=([\\d.]+)`).exec(line ?? '') ?? [];
  return text === undefined ? undefined : Number(text);
}
