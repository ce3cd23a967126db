import { STATUS_CODES, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../common/clock';
import type { Connections, LastAnswer } from './connections';
import { headerText, type RawAnswer } from './raw-answer';
import { requestHeadIn, type RequestHead } from './request-head';
import { SECURITY_HEADER_LIST } from './security-headers';

/** Largest head that is read here, bytes. */
const HEAD_BYTES_AT_MOST = 4_096;
const HEAD_END = '\r\n\r\n';

/** Answers a request by its body, and never rejects. */
export type Answerer = (body: Buffer, socket: Socket) => Promise<RawAnswer>;

/** Returns who answers requests with this head; undefined where that is Node's server. */
export type Finder = (head: RequestHead) => Answerer | undefined;

export interface Timeouts {
  /** Of a connection before its first request, milliseconds. */
  firstMs: number;
  /** Of a connection that is kept, milliseconds. */
  keptMs: number;
}

/**
 * Reader of requests that come whole in one piece and in one exact shape, beside Node's server, which costs a fifth of all
 * work for a small alert. The first piece of a connection that is anything else hands the connection over to Node's server
 * for good, with all that was not answered. So each byte is read by one of the two, and what has parts, is long, odd or
 * wrong is Node's.
 */
export class WholeRequests {
  /** Connections that have not been handed over. */
  private readonly open = new Set<Connection>();

  constructor(server: Server, connections: Connections, timeouts: Timeouts, clock: Clock, find: Finder) {
    const [byNode] = server.listeners('connection') as [(this: Server, socket: Socket) => void];
    const surroundings: Surroundings = {
      find,
      timeouts,
      texts: new AnswerTexts(timeouts.keptMs, clock),
      asked: (connection) => connections.asked(connection, connection),
      isEnding: () => !server.listening,
      cameTooLate: ({ socket }) => server.emit('clientError', new LateRequest(), socket),
      left: (connection) => this.open.delete(connection),
      handOver: ({ socket }) => byNode.call(server, socket),
    };
    server.off('connection', byNode);
    server.on('connection', (socket: Socket) => {
      if (!socket.destroyed) this.open.add(new Connection(socket, surroundings));
    });
    this.closeWith(server);
  }

  /** Has connections closed when those of Node's server are. */
  private closeWith(server: Server): void {
    const closeIdle = server.closeIdleConnections.bind(server);
    server.closeIdleConnections = () => {
      closeIdle();
      for (const { socket, writableFinished } of this.open) if (writableFinished) socket.destroy();
    };
    const closeAll = server.closeAllConnections.bind(server);
    server.closeAllConnections = () => {
      closeAll();
      for (const { socket } of this.open) socket.destroy();
    };
  }
}

/** What all connections have in common. */
interface Surroundings {
  find: Finder;
  timeouts: Timeouts;
  texts: AnswerTexts;
  /** Tells whether each answer is the last of its connection. */
  isEnding: () => boolean;
  asked: (connection: Connection) => void;
  cameTooLate: (connection: Connection) => void;
  left: (connection: Connection) => void;
  /** Has Node's server listen to the socket. */
  handOver: (connection: Connection) => void;
}

/** The same as Node's, of which there is no constructor. */
class LateRequest extends Error {
  readonly code = 'ERR_HTTP_REQUEST_TIMEOUT';
}

/** Head of a request, and what follows from it. */
interface KnownHead {
  bytes: Buffer;
  answer: Answerer;
  /** Length of head and body, bytes. */
  end: number;
}

/**
 * Connection that is read here: idle, or with one request under way. What comes while one is waits in the socket until
 * the answer has gone.
 */
class Connection implements LastAnswer {
  // What `LastAnswer` tells of the request under way, or of the last one.
  writableFinished = true;
  headersSent = true;
  shouldKeepAlive = true;
  readonly destroyed = false;

  /** Head of the last request, which most senders repeat; undefined before the first. */
  private last: KnownHead | undefined;
  private hasEnded = false;

  constructor(
    readonly socket: Socket,
    private readonly surroundings: Surroundings,
  ) {
    socket
      .on('data', this.read)
      .on('end', this.ended)
      .on('timeout', this.waitedTooLong)
      .on('error', this.failed)
      .on('close', this.closed)
      .setTimeout(surroundings.timeouts.firstMs);
  }

  private readonly read = (piece: Buffer): void => {
    if (this.writableFinished) this.begin(piece);
    else this.keep(piece);
  };

  private readonly ended = (): void => {
    this.hasEnded = true;
    if (this.writableFinished) this.socket.end();
  };

  private readonly waitedTooLong = (): void => {
    if (this.last === undefined) this.surroundings.cameTooLate(this);
    else this.socket.destroy();
  };

  private readonly failed = (): void => void this.socket.destroy();

  private readonly closed = (): void => this.surroundings.left(this);

  /** Puts a piece back, to be read after the answer; the end of what comes is not told before it. */
  private keep(piece: Buffer): void {
    this.socket.pause().unshift(piece);
  }

  /** Takes the request that a piece begins with; hands the connection over when it is anything else. */
  private begin(piece: Buffer): void {
    const { socket, surroundings, last } = this;
    const head = last !== undefined && beginsWith(piece, last.bytes) ? last : this.headOf(piece);
    if (head === undefined || piece.length < head.end) return this.handOver(piece);
    if (last === undefined) socket.setTimeout(surroundings.timeouts.keptMs);
    this.last = head;
    if (piece.length > head.end) this.keep(piece.subarray(head.end));
    this.writableFinished = this.headersSent = false;
    surroundings.asked(this);
    void head.answer(piece.subarray(head.bytes.length, head.end), socket).then(this.write);
  }

  private headOf(piece: Buffer): KnownHead | undefined {
    const at = piece.subarray(0, HEAD_BYTES_AT_MOST).indexOf(HEAD_END, 0, 'latin1');
    if (at < 0) return undefined;
    // Copied, as it would hold on to the whole piece.
    const bytes = Buffer.from(piece.subarray(0, at + HEAD_END.length));
    const head = requestHeadIn(bytes.toString('latin1'));
    const answer = head && this.surroundings.find(head);
    return answer && { bytes, answer, end: bytes.length + head.length };
  }

  private readonly write = (answer: RawAnswer): void => {
    const { socket, surroundings } = this;
    this.writableFinished = this.headersSent = true;
    if (socket.destroyed) return;
    const isLast = !this.shouldKeepAlive || this.hasEnded || surroundings.isEnding();
    const { text, encoding } = surroundings.texts.of(answer, isLast);
    // What comes after the last answer is not carried out, as nobody would be told.
    if (isLast) socket.pause().end(text, encoding).destroySoon();
    else if (socket.write(text, encoding)) this.goOn();
    else this.goOnWhenGone();
  };

  /** Reads nothing before the answer has gone: who asks and does not listen would fill our memory. */
  private goOnWhenGone(): void {
    this.writableFinished = false;
    this.socket.pause().once('drain', () => {
      this.writableFinished = true;
      this.goOn();
    });
  }

  private goOn(): void {
    const { socket } = this;
    if (this.hasEnded) socket.end();
    else if (socket.isPaused()) socket.resume();
  }

  private handOver(piece: Buffer): void {
    const { socket, surroundings } = this;
    surroundings.left(this);
    socket
      .off('data', this.read)
      .off('end', this.ended)
      .off('timeout', this.waitedTooLong)
      .off('error', this.failed)
      .off('close', this.closed)
      .setTimeout(0);
    surroundings.handOver(this);
    socket.unshift(piece);
    if (socket.isPaused()) socket.resume();
  }
}

const beginsWith = (piece: Buffer, head: Buffer): boolean =>
  piece.length > head.length && head.compare(piece, 0, head.length) === 0;

/** Texts of answers, as Node's server would write them. */
class AnswerTexts {
  private readonly kept: string;
  private readonly always: string;
  private date = '';
  /** Moment up to which `date` is right, by `performance.now()`. */
  private dateUntil = 0;

  /** @param keptMs how long a connection is kept, milliseconds */
  constructor(
    keptMs: number,
    private readonly clock: Clock,
  ) {
    this.kept = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(keptMs / 1000)}\r\n\r\n`;
    this.always = headerText(SECURITY_HEADER_LIST);
  }

  of(
    { status, type, text, more }: RawAnswer,
    isLast: boolean,
  ): { text: string; encoding: 'latin1' | 'utf8' } {
    const bytes = Buffer.byteLength(text);
    const head =
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${this.always}Content-Type: ${type}\r\n` +
      `Content-Length: ${bytes}\r\n${headerText(more)}Date: ${this.dated()}\r\n`;
    const end = isLast ? 'Connection: close\r\n\r\n' : this.kept;
    // ASCII is written faster.
    return { text: head + end + text, encoding: bytes === text.length ? 'latin1' : 'utf8' };
  }

  /** Returns the time for `Date`, which changes once a second. */
  private dated(): string {
    const at = performance.now();
    if (at >= this.dateUntil) {
      const now = this.clock.now();
      this.date = now.toUTCString();
      this.dateUntil = at + 1000 - now.getMilliseconds();
    }
    return this.date;
  }
}
