import { Logger } from '@nestjs/common';
import { messageOf, Unavailable } from '../common/errors';
import { telemetry } from '../common/telemetry';
import type { IncomingAlert } from '../alerts/alert';
import type { Datagram, PackedDatagrams } from './datagrams';
import type { Informs } from './informs';
import type { Spool } from './spool';

/** A notification on its way to the intake. */
export interface PendingTrap {
  /** Of the alert that it is: by it one can tell whether it is kept already. */
  id: string;
  /** Name of its source. */
  source: string;
  /** That alert, and ends of others. */
  alerts: IncomingAlert[];
  /** Who waits for its acknowledgement. */
  inform?: { key: string; acknowledgement: Buffer; address: string; port: number };
}

/** What the flow needs of the world. */
export interface TrapFlowPorts {
  /** The trap in a datagram; undefined when it is not taken. */
  trapIn(datagram: Datagram): PendingTrap | undefined;
  /** Commits them. @throws Unavailable when it can't be done now */
  accept(source: string, alerts: IncomingAlert[]): Promise<unknown>;
  /** Those of the ids that are kept. */
  kept(ids: string[]): Promise<Set<string>>;
  /** They are dealt with. */
  release(packed: PackedDatagrams): void;
  acknowledge(answer: Buffer, address: string, port: number): void;
  /** Undefined while no disk can be used. */
  readonly spool?: Spool;
  informs: Informs;
}

/** Notifications that are committed at once. */
export const MAX_BATCH = 5_000;
/** More than this in memory goes to disk: PostgreSQL is slower than they come. */
const SPOOL_BEYOND_BYTES = 32 << 20;
const RETRY_MS = 500;

/**
 * The way of notifications, in their order: to the intake while PostgreSQL takes them; to disk while it does not, or is
 * slower than they come; from there to the intake. Each is on its way until it is on disk or committed.
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

  /** What was taken before waits until then. */
  start(): void {
    this.running ??= this.run();
  }

  take(packed: PackedDatagrams): void {
    this.waiting.push(packed);
    this.waitingBytes += packed.bytes;
    this.wake();
  }

  /** Resolves when what was taken is committed or on disk; what is on neither then is lost, and counted. */
  async stop(): Promise<void> {
    this.isStopping = true;
    if (this.running === undefined) this.loseUnread();
    this.wake();
    await this.running;
    await this.ports.spool?.close();
  }

  /** It was never started: no source is known, so that nobody can tell what of it would have been taken. */
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

  /** From memory to the intake. */
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

  /** From memory to disk. */
  private async putAside(): Promise<void> {
    const { traps, done } = this.gather();
    if (!(await this.spooled(traps))) await this.settle(traps);
    done.forEach((packed) => this.release(packed));
  }

  /** From disk to the intake. */
  private async replay(): Promise<void> {
    const lines = await this.ports.spool!.first();
    if (lines === undefined) return;
    const left = await this.commit(lines.flatMap(noteOf), true);
    if (left.length > 0) return;
    await this.ports.spool!.removeFirst();
    telemetry.spoolBytes.set(this.ports.spool!.bytes);
  }

  /** Datagrams that wait, up to a batch of them. */
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
   * Answers those that could not be committed now.
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

  /** One that PostgreSQL can't hold must not keep the others out: it is found and left. */
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

  /** False: there is no disk to put them on. Those it has no room for are lost. */
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

/** SQLSTATE classes of what is wrong with the data, and stays so. */
function isUnkeepable(error: unknown): boolean {
  const { code } = error as { code?: string };
  return !(error instanceof Unavailable) && code !== undefined && /^(22|54)/.test(code);
}

const lineOf = ({ id, source, alerts }: PendingTrap): string => JSON.stringify({ id, source, alerts });

/** None in a line that a failing disk has spoilt. */
function noteOf(line: string): PendingTrap[] {
  try {
    const { id, source, alerts } = JSON.parse(line) as PendingTrap;
    return [{ id, source, alerts: alerts.map((alert) => ({ ...alert, at: new Date(alert.at!) })) }];
  } catch {
    telemetry.trapDrops.inc({ where: 'spoilt' });
    return [];
  }
}
