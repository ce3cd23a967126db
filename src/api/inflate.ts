import type { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { UnsupportedMediaTypeException } from '@nestjs/common';
import type { preParsingHookHandler } from 'fastify';

const INFLATERS = new Map<string, () => NodeJS.ReadWriteStream>([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['deflate', createInflate],
  ['br', createBrotliDecompress],
]);

/** Bodies that were compressed on their way (RFC 9110, 8.4). What is limited is what they inflate to. */
export const inflated: preParsingHookHandler = (request, _reply, payload, done) => {
  const { 'content-encoding': encoding = 'identity' } = request.headers;
  const name = encoding.trim().toLowerCase();
  if (name === 'identity' || name === '') return done(null, payload);
  const inflater = INFLATERS.get(name)?.();
  if (inflater === undefined) {
    const known = [...INFLATERS.keys()].join(', ');
    return done(
      new UnsupportedMediaTypeException(`the content encoding ${name} is not taken; known are ${known}`),
    );
  }
  let received = 0;
  payload.on('data', (chunk: Buffer) => (received += chunk.length));
  payload.on('error', (error) => inflater.emit('error', error));
  const stream = payload.pipe(inflater) as unknown as Readable & { receivedEncodedLength?: number };
  // Fastify holds it against the length the request says it has.
  Object.defineProperty(stream, 'receivedEncodedLength', { get: () => received });
  done(null, stream);
};
