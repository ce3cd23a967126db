import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProcessOptions } from '../program';

const PRELOAD = join(__dirname, 'shifted-clock.cjs');

/** The clock of one machine. */
export class MachineClock {
  private readonly folder = mkdtempSync(join(tmpdir(), 'clock-'));
  private readonly file = join(this.folder, 'seconds');

  constructor(seconds: number) {
    this.shift(seconds);
  }

  /** How far it is ahead from now on. */
  shift(seconds: number): void {
    writeFileSync(this.file, String(seconds));
  }

  get options(): ProcessOptions {
    return { env: { NODE_OPTIONS: `--require ${PRELOAD}`, SHIFTED_CLOCK: this.file } };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
