import { Logger } from '@nestjs/common';
import { messageOf, Unavailable } from '../common/errors';
import { telemetry } from '../common/telemetry';
import type { IncomingAlert } from '../alerts/alert';
import type { Datagram, PackedDatagrams } from './datagrams';
import type { Informs } from './informs';
import type { Spool } from './spool';

/** Notification on its way to PostgreSQL. */
export interface PendingTrap {
  /** Id of its alert, by which it can be found when it is kept already. */
  id: string;
  /** Name of its source. */
  source: string;
  /** The alert that it is, and ends of others. */
  alerts: IncomingAlert[];
  /** Inform to acknowledge once it is kept. */
  inform?: { key: string; acknowledgement: Buffer; address: string; port: number };
}

/** Needs of the flow: decoding, committing, the spool, acknowledging. */
export interface TrapFlowPorts {
  /** Returns the trap in a datagram; undefined when it is not let in. */
  trapIn(datagram: Datagram): PendingTrap | undefined;
  /** Commits alerts. @throws Unavailable when it can't be done now */
  accept(source: string, alerts: IncomingAlert[]): Promise<unknown>;
  /** Returns those of the ids that are kept. */
  kept(ids: string[]): Promise<Set<string>>;
  /** Gives back the memory of datagrams that are dealt with. */
  release(packed: PackedDatagrams): void;
  acknowledge(answer: Buffer, address: string, port: number): void;
  /** Spool on disk; undefined while none can be used. */
  readonly spool?: Spool;
  informs: Informs;
}

/** Number of notifications from which a batch is full. */
export const MAX_BATCH = 5_000;
/** Most bytes in memory before notifications go to disk, as PostgreSQL is slower than they come. */
const SPOOL_BEYOND_BYTES = 32 << 20;
const RETRY_MS = 500;

/**
 * Takes notifications to PostgreSQL, in their order, by one loop.
 *
 * - Direct: from memory to PostgreSQL, while the spool is empty and memory holds little.
 * - Spooling: from memory to disk, while PostgreSQL is away or slower than they come; then from disk to PostgreSQL,
 *   oldest first, every `RETRY_MS` while it is away.
 * - A notification is in memory until it is on disk or committed; only then is its inform acknowledged.
 * - A commit whose outcome is unknown is tried again after asking which alerts are kept. What can be neither committed
 *   nor spooled is counted as lost.
 */
export class TrapFlow {
  private readonly logger = new Logger('Traps');
  private readonly waiting: PackedDatagrams[] = [];
  private waitingBytes = 0;
  private running?: Promise<void>;
  private wake: () => void = () => undefined;
  private isStopping = false;
  private isAway = false;
  private retryAt = 0;

  constructor(private readonly ports: TrapFlowPorts) {}

  /** Starts the loop. What was taken before waits until then. */
  start(): void {
    this.running ??= this.run();
  }

  take(packed: PackedDatagrams): void {
    this.waiting.push(packed);
    this.waitingBytes += packed.bytes;
    this.wake();
  }

  /**
   * Stops the flow: resolves when what was taken is committed or on disk. What is on neither then is lost, and counted.
   */
  async stop(): Promise<void> {
    this.isStopping = true;
    if (this.running === undefined) this.loseUnread();
    this.wake();
    await this.running;
    await this.ports.spool?.close();
  }

  /**
   * Counts what waits as lost, when the flow was never started: no source is known, so nobody can tell what of it would
   * have been let in.
   */
  private loseUnread(): void {
    let count = 0;
    for (const packed of this.waiting) while (packed.next() !== undefined) count++;
    telemetry.trapDrops.inc({ where: 'no sources' }, count);
    if (count > 0) this.logger.warn(`${count} datagrams are lost: no source was known since the start`);
  }

  private async run(): Promise<void> {
    while (!this.isStopping || this.waiting.length > 0) {
      try {
        await this.round();
      } catch (error) {
        this.logger.error(`notifications wait: ${messageOf(error)}`);
        await pause(RETRY_MS);
      }
    }
  }

  private async round(): Promise<void> {
    const { spool } = this.ports;
    const isDirect =
      (spool?.isEmpty ?? true) && (spool === undefined || this.waitingBytes <= SPOOL_BEYOND_BYTES);
    if (isDirect) {
      if (this.waiting.length === 0) await this.untilWoken();
      return this.pass();
    }
    while (this.waiting.length > 0) await this.putAside();
    if (this.isStopping) return;
    if (performance.now() < this.retryAt) return this.untilWoken(this.retryAt - performance.now());
    await this.replay();
  }

  /** Commits a batch from memory. */
  private async pass(): Promise<void> {
    const { traps, done } = this.gather();
    try {
      await this.settle(traps);
    } finally {
      done.forEach((packed) => this.release(packed));
    }
  }

  private async settle(traps: PendingTrap[]): Promise<void> {
    for (let left = await this.commit(traps, false); left.length > 0; left = await this.commit(left, true)) {
      if (await this.spooled(left)) return;
      if (this.isStopping) return this.lose(left, 'shutdown');
      await pause(RETRY_MS);
    }
  }

  /** Spools a batch from memory; commits it if there is no disk. */
  private async putAside(): Promise<void> {
    const { traps, done } = this.gather();
    if (!(await this.spooled(traps))) await this.settle(traps);
    done.forEach((packed) => this.release(packed));
  }

  /** Commits the oldest segment of the spool. */
  private async replay(): Promise<void> {
    const lines = await this.ports.spool!.first();
    if (lines === undefined) return;
    const left = await this.commit(lines.flatMap(noteOf), true);
    if (left.length > 0) return;
    await this.ports.spool!.removeFirst();
    telemetry.spoolBytes.set(this.ports.spool!.bytes);
  }

  /** Takes the datagrams that wait, up to a batch, and decodes them. */
  private gather(): { traps: PendingTrap[]; done: PackedDatagrams[] } {
    const traps: PendingTrap[] = [];
    const done: PackedDatagrams[] = [];
    while (traps.length < MAX_BATCH && this.waiting.length > 0) {
      const packed = this.waiting.shift()!;
      for (let datagram = packed.next(); datagram !== undefined; datagram = packed.next()) {
        const trap = this.ports.trapIn(datagram);
        if (trap !== undefined) traps.push(trap);
      }
      done.push(packed);
    }
    return { traps, done };
  }

  private release(packed: PackedDatagrams): void {
    this.waitingBytes -= packed.bytes;
    this.ports.release(packed);
  }

  /**
   * Commits notifications, and returns those that could not be committed now.
   *
   * @param mayBeKept an earlier try ended without an answer, perhaps of another process
   */
  private async commit(traps: PendingTrap[], mayBeKept: boolean): Promise<PendingTrap[]> {
    let left = traps;
    try {
      if (mayBeKept) {
        const kept = await this.ports.kept(traps.map(({ id }) => id));
        // An end has no row by which it could be known; told again it does no harm.
        left = traps.map((trap) =>
          kept.has(trap.id) ? { ...trap, alerts: trap.alerts.filter(isEnd) } : trap,
        );
      }
      while (left.length > 0) {
        const some = ofOneSource(left);
        await this.accept(some);
        this.settled(some);
        left = left.slice(some.length);
      }
      if (this.isAway) this.logger.log('notifications are committed again');
      this.isAway = false;
    } catch (error) {
      if (!this.isAway) this.logger.warn(`notifications can't be committed now: ${messageOf(error)}`);
      this.isAway = true;
      this.retryAt = performance.now() + RETRY_MS;
    }
    return left;
  }

  /**
   * Commits notifications of one source. One that PostgreSQL can't hold must not keep the others out: it is found by
   * halving, and lost.
   */
  private async accept(traps: PendingTrap[]): Promise<void> {
    try {
      await this.ports.accept(
        traps[0]!.source,
        traps.flatMap(({ alerts }) => alerts),
      );
    } catch (error) {
      if (!isUnkeepable(error)) throw error;
      if (traps.length === 1) {
        this.logger.warn(`a notification can't be kept: ${messageOf(error)}`);
        return this.lose(traps, 'unkeepable');
      }
      const half = Math.ceil(traps.length / 2);
      await this.accept(traps.slice(0, half));
      await this.accept(traps.slice(half));
    }
  }

  /** Puts notifications on disk; those without room are lost. Returns false when there is no disk that takes them. */
  private async spooled(traps: readonly PendingTrap[]): Promise<boolean> {
    const { spool } = this.ports;
    if (spool === undefined) return false;
    if (traps.length === 0) return true;
    try {
      const taken = await spool.append(traps.map(lineOf));
      telemetry.trapsSpooled.inc(taken);
      telemetry.spoolBytes.set(spool.bytes);
      this.settled(traps.slice(0, taken));
      this.lose(traps.slice(taken), 'spool');
      return true;
    } catch (error) {
      this.logger.error(`notifications can't be put on disk: ${messageOf(error)}`);
      return false;
    }
  }

  private settled(traps: readonly PendingTrap[]): void {
    for (const { inform } of traps) {
      if (inform === undefined) continue;
      this.ports.informs.keep(inform.key);
      this.ports.acknowledge(inform.acknowledgement, inform.address, inform.port);
    }
  }

  private lose(traps: readonly PendingTrap[], where: string): void {
    telemetry.trapDrops.inc({ where }, traps.length);
    for (const { inform } of traps) if (inform !== undefined) this.ports.informs.forget(inform.key);
  }

  private async untilWoken(ms = 60_000): Promise<void> {
    if (this.waiting.length > 0 || this.isStopping) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      timer = setTimeout(resolve, ms);
    });
    clearTimeout(timer);
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const isEnd = (alert: IncomingAlert): boolean => alert.isEnd === true;

function ofOneSource(traps: PendingTrap[]): PendingTrap[] {
  const end = traps.findIndex(({ source }) => source !== traps[0]!.source);
  return end < 0 ? traps : traps.slice(0, end);
}

/** Tells, by the class of SQLSTATE, whether an error is about the data and so will not go away. */
function isUnkeepable(error: unknown): boolean {
  const { code } = error as { code?: string };
  return !(error instanceof Unavailable) && code !== undefined && /^(22|54)/.test(code);
}

const lineOf = ({ id, source, alerts }: PendingTrap): string => JSON.stringify({ id, source, alerts });

/** Reads a line of the spool; none when a failing disk has spoilt it. */
function noteOf(line: string): PendingTrap[] {
  try {
    const { id, source, alerts } = JSON.parse(line) as PendingTrap;
    return [{ id, source, alerts: alerts.map((alert) => ({ ...alert, at: new Date(alert.at!) })) }];
  } catch {
    telemetry.trapDrops.inc({ where: 'spoilt' });
    return [];
  }
}
