import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { needsRight } from '../needs';
import type { Image } from './image';

/** As OpenShift picks them. */
export const ANY_USER = '1000680000';

export const canContain = needsRight(
  'mount in a namespace of its own',
  spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0,
);

interface Ended {
  code: number | null;
  output: string;
}

interface Options {
  environment?: Record<string, string>;
  /** `<folder>:<place>` each. */
  volumes?: readonly string[];
  port?: number;
  user?: string;
}

/** A container of the manifests: its command, environment and user, on a root file system that is read-only. */
export class Container {
  output = '';
  readonly port: number;
  readonly ended: Promise<number | null>;
  private readonly child: ChildProcess;

  constructor(
    image: Image,
    command: readonly string[],
    { environment = {}, volumes = [], port = 0, user = ANY_USER }: Options = {},
  ) {
    this.port = port;
    const root = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'root-'));
    const variables = Object.entries({ ...image.environment, ...environment });
    this.child = spawn(
      'unshare',
      [
        ...['--mount', 'bash', join(__dirname, 'container.sh')],
        ...[root, image.folder, image.packages ?? '-', user, ...volumes, '--'],
        ...variables.map(([name, value]) => `${name}=${value}`),
        ...command,
      ],
      { cwd: process.env.TEST_FOLDER ?? tmpdir(), stdio: ['ignore', 'pipe', 'pipe'] },
    );
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.output += String(chunk)));
    this.ended = once(this.child, 'close').then(([code]) => code as number | null);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async end(): Promise<Ended> {
    return { code: await this.ended, output: this.output };
  }

  async stop(): Promise<Ended> {
    this.child.kill('SIGTERM');
    return this.end();
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  status = (path: string): Promise<number | undefined> =>
    fetch(this.url + path).then(
      ({ status }) => status,
      () => undefined,
    );
}
