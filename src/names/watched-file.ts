import { readFileSync, statSync } from 'node:fs';

/** Time after which a file is looked at again. */
const LOOK_AGAIN_MS = 2_000;
const BYTES_AT_MOST = 8 * 1024 * 1024;

/**
 * Contents of a file of the system, read again when it has changed. A file that is missing or too long counts as empty.
 */
export class WatchedFile<T> {
  private lookedAt = -Infinity;
  private version = '';
  private parsed: T;

  /** @param parse called with the text; with the empty one when there is no file */
  constructor(
    private readonly path: string,
    private readonly parse: (text: string) => T,
  ) {
    this.parsed = parse('');
  }

  /**
   * Parsed contents. The file is read synchronously, as such files are small, and looked at every two seconds at most.
   */
  get content(): T {
    const now = performance.now();
    if (now - this.lookedAt < LOOK_AGAIN_MS) return this.parsed;
    this.lookedAt = now;
    const { version, isReadable } = this.look();
    if (version !== this.version) {
      this.version = version;
      this.parsed = this.parse(isReadable ? readFileSync(this.path, 'utf8') : '');
    }
    return this.parsed;
  }

  private look(): { version: string; isReadable: boolean } {
    try {
      const { ino, size, mtimeMs, ctimeMs } = statSync(this.path);
      return { version: `${ino} ${size} ${mtimeMs} ${ctimeMs}`, isReadable: size <= BYTES_AT_MOST };
    } catch {
      return { version: '', isReadable: false };
    }
  }
}
