import { Transform, type TransformCallback } from 'node:stream';
import { createInflate, createInflateRaw } from 'node:zlib';
import { heard } from './heard';

type Inflater = ReturnType<typeof createInflate>;

/** Low half of the first byte of the zlib format (RFC 1950): the method, which can only be deflate. */
const ZLIB_METHOD = 8;

/**
 * Inflates the content coding `deflate`. That is the zlib format (RFC 9110, 8.4.1.2), but some programs send raw
 * deflate; the first byte tells them apart, as raw deflate never begins so.
 *
 * Until the first bytes have come there is no inflater; then there is one until the end.
 */
class Inflate extends Transform {
  private inflater?: Inflater;

  override _transform(chunk: Buffer, encoding: BufferEncoding, done: TransformCallback): void {
    if (chunk.length === 0) return done();
    this.inflater ??= this.begun(chunk[0]!);
    this.inflater.write(chunk, encoding, done);
  }

  override _flush(done: TransformCallback): void {
    if (this.inflater === undefined) return done(new Error('unexpected end of file'));
    this.inflater.once('end', () => done());
    this.inflater.end();
  }

  override _read(size: number): void {
    this.inflater?.resume();
    super._read(size);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.inflater?.destroy();
    done(error);
  }

  private begun(first: number): Inflater {
    const inflater = (first & 0x0f) === ZLIB_METHOD ? createInflate() : createInflateRaw();
    inflater.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) inflater.pause();
    });
    inflater.on('error', (error) => this.destroy(error));
    // Also before all was written: what follows the end of the format is left out, and its write is never called back.
    inflater.on('end', () => this.push(null));
    return inflater;
  }
}

/** Returns a stream that inflates the content coding `deflate`, in zlib's format or raw. */
export const createAnyInflate = (): Transform => heard(new Inflate());
