import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { extname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { Logger } from '@nestjs/common';
import { messageOf } from '../common/errors';
import { fromSource } from '../common/from-source';
import { heard } from '../common/heard';
import { stackOf } from '../common/stack';
import { PackedDatagrams } from './datagrams';
import { Count, COUNTS, type FromSocket, type SocketData, type ToSocket } from './socket-messages';

export interface TrapSocketOptions {
  /** Address to listen on; IPv6 when it has a colon. */
  host: string;
  /** UDP port; 0 takes a free one. */
  port: number;
  /** Most bytes of datagrams that nobody has released yet. */
  maxHeldBytes: number;
  /** Called with datagrams, to be released once they are dealt with. */
  onDatagrams(packed: PackedDatagrams): void;
}

/** Counts of datagrams since the last call. */
export interface SocketCounts {
  received: number;
  /** Datagrams for which there was no room in memory. */
  dropped: number;
  /** Datagrams for which the kernel had no room in the socket's buffer. */
  kernelDropped: number;
}

/** Time after which a thread that ended is started again. */
const RESTART_MS = 500;

/**
 * UDP socket that is read by a thread of its own.
 *
 * - Between `start` and `stop` one thread listens; when it ends by itself, another is started on the same port.
 * - `heldBytes`, shared with the thread, grows as datagrams are handed over and shrinks as they are released; while it
 *   is over `maxHeldBytes` the thread drops what comes.
 */
export class TrapSocket {
  private readonly logger = new Logger('TrapSocket');
  private thread?: Worker;
  private boundPort?: number;
  private readonly counters = new Int32Array(new SharedArrayBuffer(COUNTS * Int32Array.BYTES_PER_ELEMENT));
  private counted = { received: 0, dropped: 0, kernelDropped: 0 };

  constructor(private readonly options: TrapSocketOptions) {}

  /**
   * Starts the thread, and resolves when it listens.
   *
   * @throws Error when the port is taken or not permitted
   */
  async start(): Promise<void> {
    this.thread = await this.listen(this.options.port);
  }

  /** Starts a thread that listens on the port. */
  private async listen(port: number): Promise<Worker> {
    const { host, maxHeldBytes } = this.options;
    const workerData: SocketData = { host, port, maxHeldBytes, counts: this.counters.buffer };
    const thread = heard(
      new Worker(join(__dirname, `socket-thread${extname(__filename)}`), {
        workerData,
        execArgv: fromSource(__filename),
      }),
    );
    const [first] = (await once(thread, 'message')) as [FromSocket];
    if ('failed' in first) {
      await thread.terminate();
      throw new Error(
        `cannot receive SNMP notifications on ${host}:${port}: ${BIND_REASONS[first.failed.code ?? ''] ?? first.failed.message}`,
      );
    }
    if ('port' in first) this.boundPort = first.port;
    thread.on('error', (error) => this.logger.error(`the thread of the socket ended: ${stackOf(error)}`));
    thread.on('message', (message: FromSocket) => {
      if ('packed' in message) this.options.onDatagrams(new PackedDatagrams(message.packed));
    });
    thread.once('exit', () => void this.again());
    return thread;
  }

  /** Listens again on the same port, until it succeeds or `stop` is called. */
  private async again(): Promise<void> {
    while (this.thread !== undefined) {
      await sleep(RESTART_MS);
      if (this.thread === undefined) return;
      try {
        const thread = await this.listen(this.port);
        if (this.thread !== undefined) this.thread = thread;
        else await thread.terminate();
        return;
      } catch (error) {
        this.logger.error(messageOf(error));
      }
    }
  }

  /** Actual port; before `start` the one asked for. */
  get port(): number {
    return this.boundPort ?? this.options.port;
  }

  get heldBytes(): number {
    return Atomics.load(this.counters, Count.heldBytes);
  }

  /** Gives back the memory of datagrams that are dealt with. */
  release({ bytes }: PackedDatagrams): void {
    Atomics.sub(this.counters, Count.heldBytes, bytes);
  }

  /** Sends an answer. Nobody learns whether it arrived, as with any datagram. */
  send(answer: Buffer, address: string, port: number): void {
    const message: ToSocket = { answer: Uint8Array.from(answer), address, port };
    this.thread?.postMessage(message);
  }

  counts(): SocketCounts {
    const since = (count: number, before: number) => (count - before) >>> 0;
    const received = Atomics.load(this.counters, Count.received);
    const dropped = Atomics.load(this.counters, Count.dropped);
    const before = this.counted;
    // What the kernel drops has found a full buffer, and that is received after it: while nothing is, nothing was dropped.
    // To look costs milliseconds where a machine has thousands of sockets.
    const isQuiet = received === before.received;
    const kernelDropped =
      (isQuiet ? undefined : kernelDropsOf(this.port, isIPv6(this.options.host))) ?? before.kernelDropped;
    this.counted = { received, dropped, kernelDropped };
    return {
      received: since(received, before.received),
      dropped: since(dropped, before.dropped),
      kernelDropped: newDrops(kernelDropped, before.kernelDropped),
    };
  }

  /** Stops the thread. What was read until then is handed over first. */
  async stop(): Promise<void> {
    const { thread } = this;
    this.thread = undefined;
    if (thread === undefined) return;
    const ended = once(thread, 'exit');
    thread.postMessage({ close: true } satisfies ToSocket);
    await ended;
  }
}

/** Returns how many more drops there are. A smaller count than before is that of a new socket, which began at 0. */
export const newDrops = (count: number, before: number): number => (count < before ? count : count - before);

/**
 * Returns the drops that the kernel counts, the last column of the socket's line; undefined where it does not tell. See
 * proc(5).
 */
function kernelDropsOf(port: number, isIpv6: boolean): number | undefined {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  try {
    const lines = readFileSync(isIpv6 ? '/proc/net/udp6' : '/proc/net/udp', 'latin1').split('\n');
    const drops = lines.flatMap((line) => {
      const columns = line.trim().split(/\s+/);
      return columns[1]?.endsWith(local) ? [Number(columns.at(-1))] : [];
    });
    return drops.length === 0 ? undefined : drops.reduce((sum, one) => sum + one, 0);
  } catch {
    return undefined;
  }
}

const BIND_REASONS: Record<string, string> = {
  EADDRINUSE: 'the port is in use by another program',
  EACCES: 'ports below 1024 need root or CAP_NET_BIND_SERVICE',
  EADDRNOTAVAIL: 'this machine has no such address',
};
