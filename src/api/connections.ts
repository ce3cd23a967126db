import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { telemetry } from '../common/telemetry';

/**
 * Share of the process's file descriptors that HTTP connections may use; the rest is for servers, targets and files.
 */
const PART = 1 / 2;
const AT_MOST = 10_000;
const AT_LEAST = 8;

/** Time without a request after which connections that are kept are taken to be out of use, milliseconds. */
const QUIET_MS = 1_000;
/** Most that it is waited for, milliseconds: who asks without a pause holds up no drain. */
const QUIET_WITHIN_MS = 4_000;
const LOOK_MS = 20;

const ADDRESS = Symbol('address');
const ANSWER = Symbol('answer');
const COUNT_APART = Symbol('count apart');

/** What is asked of the answer to the last request of a connection, and what it is told. */
export type LastAnswer = Pick<
  ServerResponse,
  'writableFinished' | 'headersSent' | 'shouldKeepAlive' | 'destroyed'
>;

/** Socket with what is noted about it, looked up at every request. */
interface Watched extends Socket {
  [ADDRESS]?: string;
  [ANSWER]?: LastAnswer;
  [COUNT_APART]?: () => void;
}

/** Returns how many connections a process with so many descriptors may have. */
export const connectionsFor = (descriptors: number): number =>
  Math.max(AT_LEAST, Math.min(AT_MOST, Math.floor(descriptors * PART)));

/** Takes a connection out of the number of open ones: streams that stay open have a limit of their own. */
export const countApart = (socket: Socket): void => (socket as Watched)[COUNT_APART]?.();

/**
 * Open connections, up to a maximum. When there is no room for another, the one idle longest is closed, of the address
 * that has most: whoever opens many makes room himself. A connection whose request is not answered is not idle. When
 * none is idle, the new one is closed.
 */
export class Connections {
  private count = 0;
  private isEnding = false;
  /** Number of requests and of new connections, to tell whether there were any. */
  private uses = 0;
  /** Sockets by address, the most recently used last. */
  private readonly byAddress = new Map<string, Set<Watched>>();

  constructor(private readonly atMost: number) {}

  watch(server: Server): void {
    server.on('connection', (socket: Watched) => this.opened(socket));
  }

  /** Notes a request; called for each one. */
  asked({ socket }: { socket: Watched }, answer: LastAnswer): void {
    this.uses++;
    socket[ANSWER] = answer;
    if (this.isEnding) answer.shouldKeepAlive = false;
    const own = this.byAddress.get(socket[ADDRESS] ?? '');
    if (own?.delete(socket)) own.add(socket);
  }

  /**
   * Has each answer from now on be the last of its connection, and say so. Resolves when no connection is open that
   * waits for a request, or none has been used for a second: one that is closed while a request is on its way to it cuts
   * that off, and the sender can't know whether it was carried out.
   */
  async ended(): Promise<void> {
    this.isEnding = true;
    for (const { [ANSWER]: answer } of this.sockets())
      if (answer !== undefined && !answer.headersSent) answer.shouldKeepAlive = false;
    let seen = this.uses;
    let quietMs = 0;
    for (let waitedMs = 0; waitedMs < QUIET_WITHIN_MS && quietMs < QUIET_MS; waitedMs += LOOK_MS) {
      if (!this.sockets().some(isIdle)) return;
      await sleep(LOOK_MS);
      quietMs = this.uses === seen ? quietMs + LOOK_MS : 0;
      seen = this.uses;
    }
  }

  private sockets(): Watched[] {
    return [...this.byAddress.values()].flatMap((own) => [...own]);
  }

  private opened(socket: Watched): void {
    this.uses++;
    if (this.count >= this.atMost && !this.closeIdle()) {
      telemetry.connectionsClosed.inc({ reason: 'no room' });
      socket.destroy();
      return;
    }
    // Of a socket that is closed there is none any more.
    const address = (socket[ADDRESS] = socket.remoteAddress ?? '');
    const own = this.byAddress.get(address) ?? new Set();
    this.byAddress.set(address, own);
    own.add(socket);
    this.moved(1);
    let isCounted = true;
    const leave = () => {
      if (!isCounted) return;
      isCounted = false;
      own.delete(socket);
      if (own.size === 0 && this.byAddress.get(address) === own) this.byAddress.delete(address);
      this.moved(-1);
    };
    socket[COUNT_APART] = leave;
    socket.once('close', leave);
  }

  private moved(by: number): void {
    this.count += by;
    telemetry.connections.set(this.count);
  }

  /**
   * Closes an idle connection, looking first at the address that has most.
   *
   * @returns false when there is none
   */
  private closeIdle(): boolean {
    const bySize = [...this.byAddress.values()].sort((one, other) => other.size - one.size);
    for (const own of bySize) {
      for (const socket of own) {
        if (!isIdle(socket)) continue;
        own.delete(socket);
        telemetry.connectionsClosed.inc({ reason: 'idle' });
        socket.destroy();
        return true;
      }
    }
    return false;
  }
}

function isIdle({ [ANSWER]: answer }: Watched): boolean {
  return answer === undefined || answer.writableFinished || answer.destroyed;
}
