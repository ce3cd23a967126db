/** HTTP requests to a target, made so that a failure tells whether the target can have seen the request. */
import http, { type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import { Readable, type Transform } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { createBrotliDecompress, createGunzip } from 'node:zlib';
import axios from 'axios';
import { assertMaySend } from '../../common/before-sending';
import { messageOf } from '../../common/errors';
import { heard } from '../../common/heard';
import { createAnyInflate } from '../../common/inflate';
import { mapValues } from '../../common/records';
import { guardedLookup, refuseAddress } from '../address-guard';
import { NoAnswer, NotSent, type HttpAnswer, type HttpRequest } from './http-call';
import { tooLong } from './lenient-answer';
import { askLeniently } from './lenient-request';
import { partsOf } from './url-parts';

const CONNECT_TIMEOUT_MS = 10_000;
/** Time after which a connection that nobody uses is closed, milliseconds. */
const IDLE_MS = 15_000;
const BODY_BYTES_AT_MOST = 64 * 1024;
/** Most bytes of a whole answer. A list of CloudForms' machines has no pages over SOAP, and some 5 KB for each. */
const WHOLE_BYTES_AT_MOST = 32 * 1024 * 1024;
/** Methods by which a server may be asked again, whatever became of the first request (RFC 9110, 9.2.1). */
const SAFE = ['GET', 'HEAD'];
/**
 * Most origins that are remembered because their answers break HTTP's rules, so that they are asked once and not twice.
 */
const LENIENT_AT_MOST = 1_000;
/** Largest body that is written together with its head. */
const ONE_WRITE_BYTES = 16 * 1024;
/** Longest wait for the rest of the body, milliseconds: the status says what became of the request. */
const BODY_TIMEOUT_MS = 2_000;
const NOTHING = Buffer.alloc(0);

// Node keeps connections apart by origin and by the TLS options of each request. As many as requests are under way at a
// time: with fewer, a burst opens and closes some all the time.
const KEPT = { keepAlive: true, maxFreeSockets: 1024, timeout: IDLE_MS };
const AGENTS = {
  http: { kept: new http.Agent(KEPT), fresh: new http.Agent() },
  https: { kept: new https.Agent(KEPT), fresh: new https.Agent() },
};

/** State of a request on its way. */
interface Journey {
  /** Check that is called when a connection is there; throws when the request must not be sent on it. */
  maySend?: () => void;
  /** Moment at which a connection was there to send it on, by `performance.now()`. */
  sentAt?: number;
  /** Whether it went over a connection that was kept. */
  isReused?: boolean;
  /** First error that ended it: HTTP's parser tells the request why, and the answer only that it was cut. */
  failure?: Error;
}

/**
 * Sends a request once; redirects are answers like others. It does without axios, which takes a third of the time of a
 * small request.
 *
 * @throws NotSent, NoAnswer: messages hold neither headers nor bodies
 */
export async function sendOnce(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
  const journey: Journey = { maySend: () => assertMaySend(signal) };
  try {
    const response = await answerTo(request, journey, signal);
    return {
      status: statusOf(response.statusCode!),
      headers: headersOf(response),
      body: await beginOf(response),
    };
  } catch (error) {
    throw failureOf(error, journey, signal);
  }
}

/** Answer that came whole. */
export interface WholeAnswer extends HttpAnswer {
  /** Time from the moment there was a connection to send the request on until the last byte of the answer. */
  seconds: number;
}

const lenientOrigins = new Set<string>();

/**
 * Asks a question, which changes nothing. Its answer comes whole or not at all: half a list would be taken for all.
 * When an answer breaks the rules of HTTP and the method is safe, it is asked again and read leniently.
 *
 * @throws NotSent, NoAnswer: messages hold neither headers nor bodies
 */
export async function askWhole(
  request: HttpRequest,
  signal: AbortSignal,
  bytesAtMost = WHOLE_BYTES_AT_MOST,
): Promise<WholeAnswer> {
  const isSafe = SAFE.includes(request.method);
  const { origin } = new URL(request.url);
  if (isSafe && lenientOrigins.has(origin)) return wholeLeniently(request, origin, signal, bytesAtMost);
  const journey: Journey = {};
  try {
    const { status, headers, data } = await begin(request, journey, signal);
    const body = await wholeOf(data, bytesAtMost, signal);
    return { status: statusOf(status), headers: textsOf(headers), body, seconds: secondsSince(journey) };
  } catch (error) {
    const isCut = (error as { code?: string }).code === 'ECONNRESET';
    const failure = (isCut && journey.failure) || error;
    const { code = '' } = failure as { code?: string };
    const isStale = journey.isReused && ['ECONNRESET', 'EPIPE'].includes(code);
    const isUnruly = code.startsWith('HPE_');
    if (signal.aborted || !(isStale || isUnruly)) throw failureOf(failure, journey, signal);
    if (isSafe && isStale) return askWhole({ ...request, keepAlive: false }, signal, bytesAtMost);
    if (isSafe) return wholeLeniently(request, origin, signal, bytesAtMost);
    const { message } = failureOf(failure, journey, signal);
    throw new NoAnswer(
      `${message}; what is asked by ${request.method} is not asked again to read it leniently`,
    );
  }
}

/**
 * Asks leniently. The origin is remembered as one whose answers break the rules, as long as they can be read at all.
 */
async function wholeLeniently(
  request: HttpRequest,
  origin: string,
  signal: AbortSignal,
  bytesAtMost: number,
): Promise<WholeAnswer> {
  const journey: Journey = {};
  const connected = (): void => void (journey.sentAt = performance.now());
  try {
    const answer = await askLeniently(request, connected, CONNECT_TIMEOUT_MS, bytesAtMost, signal);
    const packed = unpacked(heard(Readable.from([answer.body])), answer.headers['content-encoding']);
    const body = await wholeOf(packed, bytesAtMost, signal);
    if (lenientOrigins.size >= LENIENT_AT_MOST) lenientOrigins.clear();
    lenientOrigins.add(origin);
    return { ...answer, body, seconds: secondsSince(journey) };
  } catch (error) {
    lenientOrigins.delete(origin);
    throw failureOf(error, journey, signal);
  }
}

/** Refuses a status below 100, as Node takes any three digits. @throws Error as HTTP's parser has it for other texts */
function statusOf(status: number): number {
  if (status >= 100) return status;
  throw Object.assign(new Error(`status ${status}`), { code: 'HPE_INVALID_STATUS' });
}

const secondsSince = ({ sentAt }: Journey): number => (performance.now() - sentAt!) / 1000;

function begin(request: HttpRequest, journey: Journey, signal: AbortSignal) {
  const { method, url, headers, body } = request;
  refuseAddress(new URL(url).hostname);
  return axios.request<Readable>({
    method,
    url,
    headers,
    data: body,
    signal,
    transport: { request: transport(request, journey) },
    responseType: 'stream',
    maxRedirects: 0,
    maxBodyLength: Infinity,
    proxy: false,
    validateStatus: () => true,
  });
}

/** Returns headers as texts; Node has already put their names in lower case. */
const textsOf = (headers: object): HttpAnswer['headers'] =>
  mapValues(headers as Record<string, unknown>, String);

/** Returns the headers of an answer of Node's as texts: it makes a list of this one alone. */
const headersOf = ({ headers }: IncomingMessage): HttpAnswer['headers'] =>
  headers['set-cookie'] === undefined ? (headers as HttpAnswer['headers']) : textsOf(headers);

function answerTo(
  { method, url, headers, body, ...way }: HttpRequest,
  journey: Journey,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const target = partsOf(url);
  refuseAddress(target.hostname);
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const options = {
      protocol: target.protocol,
      hostname: target.at.hostname,
      port: target.at.port,
      path: target.path,
      method,
      // What is done can't be asked again to read its answer otherwise: devices end lines by LF alone, or worse.
      insecureHTTPParser: true,
      headers:
        body === undefined
          ? { 'Accept-Encoding': UNPACKED, ...headers }
          : { 'Accept-Encoding': UNPACKED, 'Content-Length': body.length, ...headers },
    };
    const request = open(options, way, journey, resolve);
    const stop = (): void => void request.destroy(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
    request.on('close', () => signal.removeEventListener('abort', stop));
    request.on('error', reject);
    // Node writes the head together with a text, but a buffer as a part of its own. As Latin-1, a text has the very
    // bytes.
    if (body !== undefined && body.length <= ONE_WRITE_BYTES) request.end(body.toString('latin1'), 'latin1');
    else request.end(body);
  });
}

type Respond = (response: IncomingMessage) => void;

const transport =
  (way: Way, journey: Journey) =>
  (options: RequestOptions, respond: Respond): ClientRequest =>
    open(options, way, journey, respond);

/** Options that decide over which connection a request goes. */
type Way = Pick<HttpRequest, 'tls' | 'keepAlive'>;

/**
 * Opens a request, and notes its journey. @param options this request's own: they are added to
 *
 * @param options this request's own: they are added to
 */
function open(
  options: RequestOptions,
  { tls, keepAlive }: Way,
  journey: Journey,
  respond: Respond,
): ClientRequest {
  const isTls = options.protocol === 'https:';
  options.lookup = guardedLookup as LookupFunction;
  options.agent = AGENTS[isTls ? 'https' : 'http'][keepAlive ? 'kept' : 'fresh'];
  const request = isTls
    ? https.request(Object.assign(options, tls), respond)
    : http.request(options, respond);
  // Node leaves such a request without an end.
  request.on('upgrade', (_, socket) => {
    socket.destroy();
    request.emit('error', new Error('it was answered 101 Switching Protocols, which nobody had asked for'));
  });
  request.on('socket', (socket: TLSSocket) => {
    const sent = (): void => {
      try {
        journey.maySend?.();
      } catch (error) {
        return void request.destroy(error as Error);
      }
      journey.sentAt = performance.now();
      journey.isReused = request.reusedSocket;
    };
    if (request.reusedSocket) return sent();
    const late = setTimeout(
      () => request.destroy(new Error(`no connection in ${CONNECT_TIMEOUT_MS / 1000} s`)),
      CONNECT_TIMEOUT_MS,
    );
    request.on('close', () => clearTimeout(late));
    // Node holds the request back until here; a certificate that is refused ends it before.
    socket.once(isTls ? 'secureConnect' : 'connect', () => {
      clearTimeout(late);
      sent();
    });
  });
  request.on('error', (error) => (journey.failure ??= error));
  return request;
}

/** Reads the beginning of a body. The rest may be lost, or may be no gzip: what came is enough. */
function beginOf(response: IncomingMessage): Buffer | Promise<Buffer> {
  const encoding = response.headers['content-encoding'];
  // Mostly all of it has come along with the head: nothing is waited for.
  if (response.complete && encoding === undefined)
    return ((heard(response).read() as Buffer | null) ?? NOTHING).subarray(0, BODY_BYTES_AT_MOST);
  const stream = unpacked(response, encoding);
  const chunks: Buffer[] = [];
  let length = 0;
  return new Promise((resolve) => {
    const stop = (): void => {
      response.destroy();
      stream.destroy();
    };
    const late = setTimeout(stop, BODY_TIMEOUT_MS);
    const end = (): void => {
      clearTimeout(late);
      resolve(Buffer.concat(chunks).subarray(0, BODY_BYTES_AT_MOST));
    };
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= BODY_BYTES_AT_MOST) stop();
    });
    for (const event of ['end', 'close']) stream.on(event, end);
    stream.on('error', end);
    response.once('error', stop);
  });
}

/** Accept-Encoding of our requests. Servers that pack their answers all the same are unpacked by `UNPACKERS`. */
const UNPACKED = 'identity';

const UNPACKERS = new Map<string, () => Transform>([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['deflate', createAnyInflate],
  ['br', createBrotliDecompress],
]);

function unpacked(answer: Readable, encoding = ''): Readable {
  const unpacker = UNPACKERS.get(encoding.trim().toLowerCase());
  return unpacker === undefined ? answer : answer.pipe(heard(unpacker()));
}

/**
 * Reads a whole body. @throws Error when it is too long; the signal's reason when it aborts
 *
 * @throws the signal's reason when it aborts
 */
async function wholeOf(stream: Readable, bytesAtMost: number, signal: AbortSignal): Promise<Buffer> {
  const stop = (): void => void stream.destroy(signal.reason as Error);
  const chunks: Buffer[] = [];
  let length = 0;
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > bytesAtMost) throw tooLong(bytesAtMost);
    }
    return Buffer.concat(chunks);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function failureOf(error: unknown, { sentAt }: Journey, signal: AbortSignal): NotSent | NoAnswer {
  const { code = '', cause = error } = error as { code?: string; cause?: unknown };
  const why = signal.aborted ? messageOf(signal.reason) : messageOf(cause) || code;
  // With TLS 1.3 a server refuses our certificate only when the handshake is over for us.
  const isSent = sentAt !== undefined;
  const isRefusal = !signal.aborted && (isCertificateError(code) || (isUnusable(code) && !isSent));
  if (isSent && !isRefusal) return new NoAnswer(why, /^HPE_/.test(code) && !signal.aborted);
  return new NotSent(why, !isRefusal);
}

const isCertificateError = (code: string): boolean =>
  /CERT|SELF_SIGNED|UNABLE_TO_|UNKNOWN_CA|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE/.test(code);

/**
 * Tells whether our own params are unusable: a PEM that is none, a key of another certificate, an address that no URL
 * has or that is refused.
 */
const isUnusable = (code: string): boolean =>
  /^ERR_(OSSL_|INVALID_|UNESCAPED_|BAD_|ADDRESS_REFUSED)/.test(code);
