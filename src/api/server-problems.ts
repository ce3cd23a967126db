/**
 * Answers as problem+json for faults that Node's HTTP server and Fastify would answer in other forms, or without a
 * body.
 */
import { STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { heard } from '../common/heard';
import { problem, problemOf } from '../common/problem.filter';
import { answerProblem, headerText } from './raw-answer';
import { SECURITY_HEADER_LIST, SECURITY_HEADERS } from './security-headers';

/** Methods that some routes take. */
const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';
/** Time after which a refused client that does not close is disconnected, milliseconds. */
const LINGER_MS = 1_000;
/** First byte of a TLS connection: a handshake record. */
const TLS_HANDSHAKE = 0x16;

const FAULTS: Record<string, readonly [status: number, detail: string]> = {
  HPE_HEADER_OVERFLOW: [431, 'The request line and the headers are larger than 16 kB together'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'The extensions of the chunks of the body are larger than 16 kB'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request did not arrive in time; send it again'],
};

interface ParserError extends Error {
  code?: string;
  /** Reason in the parser's own words, without any part of the request. */
  reason?: string;
  /** Bytes that were read; a Buffer, whatever Fastify's types say. */
  rawPacket?: unknown;
}

/** Answers requests with an unknown `Expect`, and `CONNECT`. */
export function answerFaults(server: Server): void {
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    const detail = 'The only expectation that is met is 100-continue; send the request without Expect';
    answer(response, 417, detail);
  });
  server.on('connect', (_request: IncomingMessage, socket: Duplex) => {
    // It is no HTTP connection any more, and nobody else listens.
    end(heard(socket), 405, 'This is no proxy: CONNECT is not taken', `Allow: ${METHODS}\r\n`);
  });
}

const READY = /^\/health\/ready(?:[/?]|$)/;

/**
 * Answers requests on kept connections with 503 while the program drains, so that they go to another process or wait; and,
 * from its beginning on, whoever asks whether it is ready. Must be called before routes are added.
 *
 * @param isEnding whether the drain has begun, in which what comes is still answered for a moment
 */
export function answerClosing(fastify: FastifyInstance, isEnding: () => boolean): void {
  let isClosing = false;
  fastify.addHook('preClose', async () => void (isClosing = true));
  fastify.addHook('onRequest', (request, reply, done) => {
    if (!isClosing && !(isEnding() && READY.test(request.url))) return done();
    void reply.headers({ Connection: 'close', 'Retry-After': '1' });
    void reply.status(503).type('application/problem+json').send(problem(503, 'This process is stopping'));
  });
}

/**
 * Refuses a request without a Host header (RFC 9112, 3.2), which Node would answer without a body.
 *
 * @returns whether it did
 */
export function lacksHost(request: IncomingMessage, response: ServerResponse): boolean {
  if (request.headers.host !== undefined || request.httpVersion !== '1.1') return false;
  answer(response, 400, 'The request has no Host header, which HTTP/1.1 requires');
  return true;
}

/** Answers a URL that is wrong before it has a route: Fastify's `frameworkErrors`. */
export function answerWrongUrl(error: FastifyError, _request: FastifyRequest, reply: FastifyReply): void {
  const { status } = problemOf(error);
  const detail =
    status === 414
      ? 'A part of the path is longer than any id or name'
      : 'The path is wrongly percent-encoded; % itself is %25';
  // Hooks do not run for it.
  void reply
    .status(status)
    .headers(SECURITY_HEADERS)
    .type('application/problem+json')
    .send(problem(status, detail, status === 400 ? [{ pointer: '', detail }] : []));
}

/**
 * Answers requests that the server's parser refuses, or that did not arrive in time: Fastify's `clientErrorHandler`.
 */
export function refuse(error: ParserError, socket: Duplex): void {
  // What comes after the answer is refused once more, and nobody listens.
  if (error.code === 'ECONNRESET' || !socket.writable || socket.writableEnded) return void socket.destroy();
  // An answer that has begun must not be mixed with another: Node's own listener looks at the same field.
  const { _httpMessage: begun } = socket as { _httpMessage?: { _headerSent: boolean } };
  if (begun?._headerSent) return void socket.destroy();
  const [status, detail] = FAULTS[error.code ?? ''] ?? [400, faultOf(error)];
  end(socket, status, detail);
}

function faultOf({ reason, rawPacket }: ParserError): string {
  if (Buffer.isBuffer(rawPacket) && rawPacket[0] === TLS_HANDSHAKE)
    return 'This port speaks HTTP without TLS; use http://, or a proxy that ends TLS';
  return `This is no HTTP request: ${reason ?? 'it can not be read'}`;
}

/** Answers, and closes the connection, since it may still hold what was to be the body. */
function answer(response: ServerResponse, status: number, detail: string): void {
  answerProblem(response, problem(status, detail), ['Connection', 'close']);
}

/** Answers on a bare socket, where there is no response to write to. */
function end(socket: Duplex, status: number, detail: string, more = ''): void {
  const text = JSON.stringify(problem(status, detail));
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/problem+json; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n${more}${headerText(SECURITY_HEADER_LIST)}\r\n${text}`,
  );
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}
