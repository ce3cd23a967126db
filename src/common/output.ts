import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { telemetry } from './telemetry';

/** Largest number of bytes that wait for a slow reader; lines beyond it are dropped. */
const MAX_WAITING_BYTES = 1 << 20;
const RETRY_MS = 100;

/**
 * Writes as many bytes as possible without waiting.
 *
 * @returns number of bytes written
 * @throws Error when nobody will read them
 */
export type WriteNow = (bytes: Buffer) => number;

/**
 * Standard output or standard error, which may be closed, full or never read. `write` and `flush` neither throw nor
 * wait.
 *
 * Lines are written at once, wait in order (at most `MAX_WAITING_BYTES`), or are dropped as whole lines and counted.
 * Once writing succeeds again, a line tells how many were dropped.
 */
export class Output {
  private waiting: Buffer[] = [];
  private waitingBytes = 0;
  /** Number of lines dropped since somebody last read. */
  private dropped = 0;
  private retry?: NodeJS.Timeout;

  /** @param open returns the function that writes; called at the first line */
  constructor(
    private readonly open: () => WriteNow,
    private writeNow?: WriteNow,
  ) {}

  /** @param line with its line end */
  write(line: string): void {
    if (this.waiting.length > 0) this.flush();
    const bytes = Buffer.from(line);
    if (this.waitingBytes + bytes.length > MAX_WAITING_BYTES) return this.drop(1);
    this.wait(bytes);
    this.flush();
  }

  /** Writes as many of the waiting lines as possible. */
  flush(): void {
    try {
      this.writeNow ??= this.open();
      while (this.waiting.length > 0) {
        const [first] = this.waiting;
        const written = this.writeNow(first!);
        this.waitingBytes -= written;
        if (written < first!.length) {
          this.waiting[0] = first!.subarray(written);
          return this.later();
        }
        this.waiting.shift();
        if (this.dropped > 0) this.wait(Buffer.from(tellDropped(this.dropped)));
        this.dropped = 0;
      }
    } catch {
      this.drop(this.waiting.length);
      this.waiting = [];
      this.waitingBytes = 0;
    }
  }

  private wait(bytes: Buffer): void {
    this.waiting.push(bytes);
    this.waitingBytes += bytes.length;
  }

  private drop(lines: number): void {
    this.dropped += lines;
    telemetry.logLinesDropped.inc(lines);
  }

  private later(): void {
    this.retry ??= setTimeout(() => {
      this.retry = undefined;
      this.flush();
    }, RETRY_MS).unref();
  }
}

const tellDropped = (lines: number): string =>
  `${JSON.stringify({ level: 'warn', context: 'Output', msg: `${lines} lines were dropped: nobody read them` })}\n`;

/**
 * Returns a function that writes to standard output (1) or standard error (2) without blocking. Files are written
 * directly. Pipes and terminals are opened a second time: the inherited descriptor is blocking, and a slow reader would
 * stop the whole process.
 */
export function writerOf(fd: 1 | 2): WriteNow {
  const stat = fstatSync(fd);
  const isPipe = stat.isFIFO();
  if (!isPipe && !stat.isSocket() && !isatty(fd)) return (bytes) => writeSync(fd, bytes);
  const again = `/proc/self/fd/${fd}`;
  if (stat.isSocket() || !isOpenable(again)) return streamWriter(fd === 1 ? process.stdout : process.stderr);
  let own: number | undefined;
  return (bytes) => {
    // Without a reader a pipe can't be opened; another may come.
    own ??= openSync(again, WITHOUT_WAITING);
    return unlessFull(own, bytes);
  };
}

const WITHOUT_WAITING = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

function isOpenable(path: string): boolean {
  try {
    closeSync(openSync(path, WITHOUT_WAITING));
    return true;
  } catch (error) {
    return codeOf(error) === 'ENXIO';
  }
}

function unlessFull(fd: number, bytes: Buffer): number {
  try {
    return writeSync(fd, bytes);
  } catch (error) {
    if (codeOf(error) === 'EAGAIN') return 0;
    throw error;
  }
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

/**
 * Returns a function that writes to Node's own stream: on sockets it does not block, and keeps what can't be sent yet.
 */
function streamWriter(stream: NodeJS.WriteStream): WriteNow {
  let lost: Error | undefined;
  stream.on('error', (error: Error) => (lost = error));
  return (bytes) => {
    if (lost !== undefined) throw lost;
    if (stream.writableLength > MAX_WAITING_BYTES) return 0;
    stream.write(bytes);
    return bytes.length;
  };
}

/**
 * Adds error listeners to Node's own streams, so that output of libraries and Node which nobody reads does not end the
 * process.
 */
export function surviveLostReaders(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
}

export const standardOutput = new Output(() => writerOf(1));
export const standardError = new Output(() => writerOf(2));
