import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip } from 'node:zlib';
import { UnsupportedMediaTypeException } from '@nestjs/common';
import { InvalidInput, PayloadTooLarge, RequestTimeout } from '../common/errors';
import { createAnyInflate } from '../common/inflate';
import { telemetry } from '../common/telemetry';
import type { Lease } from './body-budget';
import { charsetOf } from './charset';

/** Longest time for a body to arrive, milliseconds. */
const COMPLETE_MS = 30_000;
/** Time after which a body must have arrived at `BYTES_PER_SECOND` or more on average, milliseconds. */
const PATIENCE_MS = 5_000;
const BYTES_PER_SECOND = 4_096;
const LOOK_MS = 1_000;

/**
 * Largest ratio of inflated to received bytes, once more than `ANY_RATIO_UP_TO` bytes are inflated: a higher one is a
 * decompression bomb.
 */
const RATIO_AT_MOST = 200;
const ANY_RATIO_UP_TO = 2 ** 20;

const INFLATERS = new Map<string, () => NodeJS.ReadWriteStream>([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['deflate', createAnyInflate],
  ['br', createBrotliDecompress],
]);

/** Requests whose senders wait for "100 Continue" (RFC 9110, 10.1.1). */
const waiting = new WeakSet<IncomingMessage>();

export const awaitsContinue = (request: IncomingMessage): boolean => waiting.has(request);

export const willAwaitContinue = (request: IncomingMessage): void => void waiting.add(request);

/** Bodies that were read before the framework was asked. */
const kept = new WeakMap<IncomingMessage, Buffer>();

/** Keeps a body that was read, for whoever reads it next. */
export const keepBody = (request: IncomingMessage, body: Buffer): void => void kept.set(request, body);

export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/** Tells whether a request has a body of known length that is read as it comes: in UTF-8, not compressed, not waited for. */
export const hasPlainBody = ({ headers }: IncomingMessage): boolean =>
  headers['content-encoding'] === undefined &&
  headers.expect === undefined &&
  charsetOf(headers['content-type']) === undefined &&
  Number(headers['content-length']) > 0;

/**
 * Reads the body of a request. Gives up as soon as it is too large (inflated or not), too slow, or has no room; the
 * rest is left to `drain`.
 *
 * @param limit largest inflated size, bytes
 * @throws PayloadTooLarge, RequestTimeout, Unavailable, UnsupportedMediaTypeException, InvalidInput
 */
export function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  limit: number,
  lease: Lease,
): Promise<Buffer> {
  const length = Number(request.headers['content-length'] ?? NaN);
  // More is known to come than is taken.
  if (length > limit) throw tooLarge(limit);
  const before = kept.get(request);
  if (before !== undefined) {
    lease.grow(before.length);
    return Promise.resolve(before);
  }
  const inflater = inflaterOf(request);
  if (waiting.delete(request)) response.writeContinue();
  // Mostly it has come along with the head.
  if (inflater === undefined && length > 0 && request.readableLength >= length) {
    lease.grow(length);
    return Promise.resolve(request.read(length) as Buffer);
  }
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const body = new Gathered(inflater === undefined ? length : NaN, limit, lease);
    let received = 0;
    const stream = (inflater ?? request) as Readable;
    const end = (settle: () => void) => {
      clearInterval(timer);
      stream.removeAllListeners('data');
      request.off('data', count);
      request.off('aborted', onAborted);
      settle();
    };
    const fail = (error: Error) =>
      end(() => {
        if (inflater !== undefined) {
          request.unpipe(inflater);
          (inflater as unknown as Readable).on('error', () => undefined).destroy();
        }
        request.pause();
        reject(error);
      });
    const count = (chunk: Buffer) => (received += chunk.length);
    const onAborted = () => fail(new RequestTimeout('the body ended before it was complete'));
    const timer = setInterval(() => {
      const elapsed = performance.now() - began;
      const isSlow = elapsed > PATIENCE_MS && received < (elapsed / 1000) * BYTES_PER_SECOND;
      if (!isSlow && elapsed < COMPLETE_MS) return;
      telemetry.bodiesRefused.inc({ reason: 'slow' });
      fail(new RequestTimeout('the body comes in too slowly'));
    }, LOOK_MS).unref();
    request.on('data', count);
    request.on('aborted', onAborted);
    request.on('error', onAborted);
    stream.on('data', (chunk: Buffer) => {
      try {
        if (inflater !== undefined) checkRatio(received, body.size + chunk.length);
        body.add(chunk);
      } catch (error) {
        fail(error as Error);
      }
    });
    stream.on('end', () => end(() => resolve(body.all())));
    if (inflater !== undefined) {
      stream.on('error', (error: Error) =>
        fail(new InvalidInput([{ pointer: '', detail: `does not inflate: ${error.message}` }])),
      );
      request.pipe(inflater);
    }
  });
}

function inflaterOf({ headers }: IncomingMessage): NodeJS.ReadWriteStream | undefined {
  const encoding = headers['content-encoding'];
  if (encoding === undefined) return undefined;
  const names = encoding
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '' && name !== 'identity');
  if (names.length === 0) return undefined;
  if (names.length > 1)
    throw new UnsupportedMediaTypeException('a body is taken that is compressed once, not several times');
  const inflater = INFLATERS.get(names[0]!)?.();
  if (inflater !== undefined) return inflater;
  const known = [...INFLATERS.keys()].join(', ');
  throw new UnsupportedMediaTypeException(
    `the content encoding ${JSON.stringify(names[0]!.slice(0, 100))} is not taken; known are ${known}`,
  );
}

function checkRatio(received: number, inflated: number): void {
  if (inflated <= ANY_RATIO_UP_TO || inflated <= received * RATIO_AT_MOST) return;
  telemetry.bodiesRefused.inc({ reason: 'ratio' });
  throw new PayloadTooLarge(`the body inflates to more than ${RATIO_AT_MOST} times its size`);
}

function tooLarge(limit: number): PayloadTooLarge {
  telemetry.bodiesRefused.inc({ reason: 'size' });
  return new PayloadTooLarge(`the body has more than ${limit} bytes, which is the most that is taken here`);
}

const FIRST_BYTES = 16_384;

/** Chunks gathered in one growing buffer; kept one by one, each would hold on to the page it was read into. */
class Gathered {
  private buffer: Buffer | undefined;
  private whole: Buffer | undefined;
  size = 0;

  /** @param length announced length, bytes; NaN when there is none */
  constructor(
    private readonly length: number,
    private readonly limit: number,
    private readonly lease: Lease,
  ) {}

  add(chunk: Buffer): void {
    const size = this.size + chunk.length;
    if (size > this.limit) throw tooLarge(this.limit);
    this.lease.grow(chunk.length);
    // Most come in one piece.
    if (this.size === 0 && size === this.length) this.whole = chunk;
    else {
      this.makeRoom(size);
      chunk.copy(this.buffer!, this.size);
    }
    this.size = size;
  }

  all(): Buffer {
    return this.whole ?? this.buffer?.subarray(0, this.size) ?? Buffer.alloc(0);
  }

  private makeRoom(size: number): void {
    const room = this.buffer?.length ?? 0;
    if (size <= room) return;
    const wanted = Math.max(FIRST_BYTES, size, Math.min(room * 2, this.limit));
    const larger = Buffer.allocUnsafeSlow(
      this.length > 0 ? Math.min(wanted, Math.max(this.length, size)) : wanted,
    );
    this.buffer?.copy(larger, 0, 0, this.size);
    this.buffer = larger;
  }
}

/** Largest rest of a refused body that is read and dropped, bytes, so that the sender reads the answer. */
const DRAIN_BYTES = 2 ** 18;
const DRAIN_MS = 1_000;

/** Reads and drops the rest of a body; called when the answer is written. */
export function drain(request: IncomingMessage): void {
  const { socket } = request;
  if (request.complete || socket.destroyed) return;
  const from = socket.bytesRead;
  let looks = 0;
  request.on('error', () => undefined);
  request.resume();
  const timer = setInterval(() => {
    const isOver = request.complete || socket.destroyed;
    if (!isOver && socket.bytesRead - from < DRAIN_BYTES && ++looks < 20) return;
    clearInterval(timer);
    if (!isOver) socket.destroy();
  }, DRAIN_MS / 20).unref();
}
