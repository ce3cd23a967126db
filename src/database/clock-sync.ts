import { Injectable, Logger } from '@nestjs/common';
import { programClock, systemLead } from '../common/clock';
import { Recurring } from '../common/periodic';
import { telemetry } from '../common/telemetry';
import { Database } from './database';

const EVERY_MS = 2_000;
/**
 * Interval at which this machine's clock is checked for a jump, after it was set or the machine slept, milliseconds.
 */
const LOOK_EVERY_MS = 250;
const JUMP_MS = 250;
const WARN_MS = 1_000;
const TOO_FAR_MS = 30_000;

/**
 * Keeps the program's clock at PostgreSQL's time: asks every two seconds, and at once after this machine's clock was
 * set. While PostgreSQL is away, the program's time is its last answer plus the monotonic clock; nothing can be stored
 * in that time.
 */
@Injectable()
export class ClockSync extends Recurring {
  private readonly logger = new Logger('Clock');
  private lead = systemLead();
  private askedAt = -Infinity;
  private isOff = false;

  constructor(private readonly database: Database) {
    super(LOOK_EVERY_MS);
  }

  override async round(): Promise<void> {
    const lead = systemLead();
    const hasJumped = Math.abs(lead - this.lead) > JUMP_MS;
    this.lead = lead;
    if (!hasJumped && performance.now() - this.askedAt < EVERY_MS) return this.show();
    this.askedAt = performance.now();
    // When PostgreSQL is away, others say so, and the last answer counts.
    const movedMs = await this.database.syncClock().catch(() => 0);
    if (Math.abs(movedMs) > WARN_MS)
      this.logger.warn(`PostgreSQL's clock was set ${inWords(movedMs)}: moments go by what it says now`);
    this.show();
  }

  /** Returns why the program's time can't be relied upon; undefined when it can. */
  problem(): string | undefined {
    if (!programClock.isSynced) return 'PostgreSQL has not told its time yet';
    const { offsetMs } = programClock;
    if (Math.abs(offsetMs) <= TOO_FAR_MS) return undefined;
    return `${tooFar(offsetMs)}: set one of them right, by NTP say`;
  }

  private show(): void {
    if (!programClock.isSynced) return;
    const { offsetMs } = programClock;
    telemetry.clockOffset.set(offsetMs / 1000);
    telemetry.clockError.set(programClock.errorMs / 1000);
    const isOff = Math.abs(offsetMs) > WARN_MS;
    if (isOff && !this.isOff)
      this.logger.warn(`${tooFar(offsetMs)}, by which everything goes: set one of them right, by NTP say`);
    if (!isOff && this.isOff) this.logger.log("this machine's clock and PostgreSQL's agree again");
    this.isOff = isOff;
  }
}

const tooFar = (offsetMs: number): string =>
  `the clock of this machine is ${seconds(offsetMs)} ${offsetMs < 0 ? 'ahead of' : 'behind'} PostgreSQL's`;

const inWords = (movedMs: number): string => `${seconds(movedMs)} ${movedMs < 0 ? 'back' : 'ahead'}`;

const seconds = (ms: number): string => `${(Math.abs(ms) / 1000).toFixed(1)} s`;
