import { mkdir, open, readdir, readFile, rm, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

const SUFFIX = '.spool';
const ABLE_BYTES = 1 << 16;

interface Segment {
  file: string;
  bytes: number;
  lines: number;
}

/**
 * Lines of text that wait on disk, in order, in files ("segments") of a bounded number of lines. One process at a time
 * may use a folder; `append`, `first` and `removeFirst` must not run side by side.
 *
 * - Lines that `append` has taken survive a crash of the program and of the machine.
 * - Only the last segment is written, and only while it was opened by this process and no write failed.
 * - `first` closes the segment it reads; it stays until `removeFirst`, so a crash between the two repeats its lines.
 */
export class Spool {
  private segments: Segment[] = [];
  private next = 1;
  /** Handle of the last segment, while lines may be added to it. */
  private writing?: FileHandle;

  constructor(
    private readonly folder: string,
    private readonly maxBytes: number,
    private readonly maxLines: number,
  ) {}

  /** Finds the segments that an earlier process left. @throws Error when the folder can't be used */
  async open(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const names = (await readdir(this.folder)).filter((name) => name.endsWith(SUFFIX)).sort();
    for (const name of names) {
      const file = join(this.folder, name);
      this.segments.push({ file, bytes: (await stat(file)).size, lines: this.maxLines });
      this.next = Number.parseInt(name, 10) + 1;
    }
  }

  get isEmpty(): boolean {
    return this.segments.length === 0;
  }

  get bytes(): number {
    return this.segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /**
   * Adds lines behind those that wait; on return they are on disk.
   *
   * @returns the number of lines that there was room for, from the first on
   * @throws Error when the disk refuses; the lines may then be on it or not
   */
  async append(lines: readonly string[]): Promise<number> {
    let room = this.maxBytes - this.bytes;
    let taken = 0;
    while (taken < lines.length) {
      const segment = await this.openSegment();
      const some = lines.slice(taken, taken + this.maxLines - segment.lines);
      const fitting = some.findIndex((line) => (room -= Buffer.byteLength(line) + 1) < 0);
      const text = (fitting < 0 ? some : some.slice(0, fitting)).map((line) => `${line}\n`).join('');
      await this.write(text);
      segment.bytes += Buffer.byteLength(text);
      segment.lines += fitting < 0 ? some.length : fitting;
      taken += fitting < 0 ? some.length : fitting;
      if (fitting >= 0) break;
    }
    return taken;
  }

  /** Reads the lines of the oldest segment, which is not written any more. Undefined when there is none. */
  async first(): Promise<string[] | undefined> {
    const [segment] = this.segments;
    if (segment === undefined) return undefined;
    if (this.segments.length === 1) await this.closeSegment();
    const text = await readFile(segment.file, 'utf8');
    // What stands behind the last end of a line was cut off by a crash, and was never promised.
    return text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .slice(0, -1);
  }

  /** Deletes the segment that `first` read. */
  async removeFirst(): Promise<void> {
    const segment = this.segments.shift();
    if (segment !== undefined) await rm(segment.file, { force: true });
  }

  /**
   * Checks the disk by writing a file, as notifications are written, and deleting it. @throws Error when there is no
   * room or the disk refuses
   */
  async able(): Promise<void> {
    if (this.bytes >= this.maxBytes) throw new Error(`${this.bytes} bytes wait in it, and no more may`);
    const file = join(this.folder, 'able');
    const handle = await open(file, 'w', 0o600);
    try {
      await handle.writeFile(Buffer.alloc(ABLE_BYTES, 'x'));
      await handle.datasync();
    } finally {
      await handle.close();
      await rm(file, { force: true });
    }
  }

  async close(): Promise<void> {
    await this.closeSegment();
  }

  private async write(text: string): Promise<void> {
    try {
      await this.writing!.appendFile(text);
      await this.writing!.datasync();
    } catch (error) {
      // It may end within a line now: nothing may come behind that.
      await this.closeSegment();
      throw error;
    }
  }

  private async openSegment(): Promise<Segment> {
    const last = this.segments.at(-1);
    if (this.writing !== undefined && last !== undefined && last.lines < this.maxLines) return last;
    await this.closeSegment();
    const file = join(this.folder, `${String(this.next++).padStart(12, '0')}${SUFFIX}`);
    this.writing = await open(file, 'a', 0o600);
    const folder = await open(this.folder);
    await folder.sync().finally(() => folder.close());
    const segment = { file, bytes: 0, lines: 0 };
    this.segments.push(segment);
    return segment;
  }

  private async closeSegment(): Promise<void> {
    await this.writing?.close();
    this.writing = undefined;
  }
}
