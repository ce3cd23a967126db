import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testPort } from '../ports';

/** Account at the provider: its claims. */
export type Account = { sub: string } & Record<string, unknown>;

/** A real OpenID provider, in a process of its own. */
export class OpenIdProvider {
  private constructor(
    readonly issuer: string,
    private readonly child: ChildProcess,
    private readonly folder: string,
  ) {}

  /** @param origins of its client @param aheadSeconds how far its clock is off */
  static async start(origins: readonly string[], aheadSeconds: number): Promise<OpenIdProvider> {
    const folder = mkdtempSync(join(tmpdir(), 'openid-'));
    const clock = join(folder, 'clock');
    writeFileSync(clock, String(aheadSeconds));
    const port = await testPort();
    const program = [join(__dirname, 'shifted-clock.cjs'), join(__dirname, 'openid-provider.process.mjs')];
    const callbacks = origins.map((origin) => `${origin}/api/v1/auth/oidc/callback`).join(',');
    const homes = origins.map((origin) => `${origin}/`).join(',');
    const child = spawn(process.execPath, ['--require', ...program, String(port), callbacks, homes], {
      env: { PATH: process.env.PATH, SHIFTED_CLOCK: clock },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await once(child.stdout, 'data');
    return new OpenIdProvider(`http://127.0.0.1:${port}`, child, folder);
  }

  /** Sets who signs in next; null is refused. */
  async signsIn(account: Account | null): Promise<void> {
    await fetch(`${this.issuer}/stand-in`, { method: 'POST', body: JSON.stringify({ account }) });
  }

  async stop(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
    rmSync(this.folder, { recursive: true });
  }
}
