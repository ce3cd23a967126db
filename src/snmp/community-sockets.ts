import { randomFillSync } from 'node:crypto';
import { createSocket, type RemoteInfo, type Socket, type SocketOptions } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { RequestTimedOutError } from 'net-snmp';
import type { Reading } from '../common/reading';
import { encodeGet, idOf, readingsIn, type Get } from './get-message';
import { requestIdIn } from './request-id';
import { BrokenAnswer } from './broken-answer';
import { BACKOFF, firstTryMs, type Tries } from './snmp-session';

/**
 * Number of sockets for each address family: enough to hold the answers of all agents that are asked at once. Linux's
 * default buffer takes some hundred answers of each before it is read.
 */
const SOCKETS = 256;

/** Address that a question goes to. */
export interface Destination {
  /** IPv4 or IPv6 address, as the kernel writes it. */
  address: string;
  port: number;
  /** Called when something came from that address that was no SNMP. */
  onNonsense(why: string): void;
}

/** Whoever waits for the answer to a question. Told of its end once. */
export interface Hearer {
  answered(readings: readonly Reading[]): void;
  failed(error: Error): void;
  /** Called when the first try is over and others follow. */
  late?(): void;
}

interface Question {
  id: number;
  get: Get;
  to: Destination;
  message: Buffer;
  triesLeft: number;
  tryMs: number;
  timer?: NodeJS.Timeout;
  hearer: Hearer;
}

/**
 * Asks agents in versions 1 and 2c, many through each socket, in turn.
 *
 * - A question waits on one socket, under a random id, until it is answered, its tries are over or the socket fails.
 * - An answer counts only if it has the id of a waiting question and comes from the address and port that were asked.
 * - Everything else that arrives is dropped.
 * - A socket that failed is replaced at its next turn; after `close` every question is rejected.
 */
export class CommunitySockets {
  private readonly sockets = new Map<string, CommunitySocket>();
  private turn = 0;
  private isClosed = false;

  /**
   * Asks for objects and returns what the agent says of each, in order. All tries together take about `timeoutMs`.
   *
   * @throws what `readingsIn` throws, RequestTimedOutError, or the trouble of the network
   */
  ask(get: Get, to: Destination, tries: Tries): Promise<readonly Reading[]> {
    return new Promise((answered, failed) => this.send(get, to, tries, { answered, failed }));
  }

  /** Asks as `ask`. */
  send(get: Get, to: Destination, { timeoutMs, retries }: Tries, hearer: Hearer): void {
    if (this.isClosed) return hearer.failed(new Error('the program is stopping'));
    const socket = this.next(isIPv6(to.address) ? 'udp6' : 'udp4');
    socket.send({ get, to, triesLeft: retries, tryMs: firstTryMs(timeoutMs, retries), hearer });
  }

  close(): void {
    this.isClosed = true;
    for (const socket of this.sockets.values()) socket.close(new Error('the program is stopping'));
    this.sockets.clear();
  }

  private next(family: 'udp4' | 'udp6'): CommunitySocket {
    this.turn = (this.turn + 1) % SOCKETS;
    const key = `${family}:${this.turn}`;
    const known = this.sockets.get(key);
    if (known?.isOpen) return known;
    const socket = new CommunitySocket(family);
    this.sockets.set(key, socket);
    return socket;
  }
}

/** Socket with the questions that wait for answers on it. */
class CommunitySocket {
  isOpen = true;
  private readonly waiting = new Map<number, Question>();
  private readonly socket: Socket;

  constructor(family: 'udp4' | 'udp6') {
    this.socket = createSocket({ type: family, lookup: asItIs });
    this.socket.on('message', (message, sender) => this.hear(message, sender));
    this.socket.on('error', (error) => this.close(error));
  }

  send(asked: Omit<Question, 'id' | 'message'>): void {
    let id = idOf(random31());
    while (this.waiting.has(id)) id = idOf(random31());
    const question: Question = { id, message: encodeGet(asked.get, id), ...asked };
    this.waiting.set(id, question);
    this.try(question);
  }

  /** Closes the socket and rejects all waiting questions with the reason. */
  close(why: Error): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.socket.close();
    for (const question of this.waiting.values()) this.take(question)?.hearer.failed(why);
  }

  private try(question: Question): void {
    const { message, to, tryMs } = question;
    question.timer = setTimeout(() => this.tryAgain(question), tryMs);
    this.socket.send(message, to.port, to.address, (error) => {
      if (error) this.take(question)?.hearer.failed(error);
    });
  }

  private tryAgain(question: Question): void {
    if (question.triesLeft === 0) {
      this.take(question)?.hearer.failed(new RequestTimedOutError('no answer'));
      return;
    }
    question.triesLeft -= 1;
    question.tryMs *= BACKOFF;
    this.try(question);
    question.hearer.late?.();
  }

  private hear(message: Buffer, { address, port }: RemoteInfo): void {
    const id = requestIdIn(message);
    const question = id === undefined ? undefined : this.waiting.get(id);
    if (question === undefined) {
      if (id === undefined) this.note('it has no id', address, port);
      return;
    }
    const { get, to, hearer } = question;
    if (to.address !== address || to.port !== port) return;
    this.take(question);
    let readings: readonly Reading[];
    try {
      readings = readingsIn(message, get);
    } catch (error) {
      if (error instanceof BrokenAnswer) to.onNonsense(error.message);
      return hearer.failed(error as Error);
    }
    hearer.answered(readings);
  }

  /**
   * Notes nonsense for all questions that wait for that address: without an id, nobody can tell which one it answers.
   */
  private note(why: string, address: string, port: number): void {
    for (const { to } of this.waiting.values())
      if (to.address === address && to.port === port) to.onNonsense(why);
  }

  /** Ends the waiting of a question, and returns it; undefined when it no longer waited. */
  private take(question: Question): Question | undefined {
    clearTimeout(question.timer);
    return this.waiting.delete(question.id) ? question : undefined;
  }
}

/** Skips the look-up: the host is always an address, and Node would look that up too, for each datagram. */
const asItIs: NonNullable<SocketOptions['lookup']> = (address, options, callback) =>
  (callback as (error: null, address: string, family: number) => void)(
    null,
    address,
    isIPv6(address) ? 6 : 4,
  );

const RANDOM = new Int32Array(1024);
let used = RANDOM.length;

/** Returns a random number of 31 bits, from a pool that is filled in one go. */
function random31(): number {
  if (used === RANDOM.length) {
    randomFillSync(RANDOM);
    used = 0;
  }
  return RANDOM[used++]! & 0x7fff_ffff;
}
