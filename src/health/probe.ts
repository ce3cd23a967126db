import { messageOf } from '../common/errors';
import type { Check } from './readiness';

/**
 * Time for which a success is trusted, milliseconds. A failure is trusted for `DOWN_MS`, since trying costs something
 * only while things work.
 */
const UP_MS = 5_000;
const DOWN_MS = 200;
const TIMEOUT_MS = 3_500;

/**
 * Tries in small whether some work can be done.
 *
 * At most one try is under way, and a new one begins only when the last result is too old, however often it is asked. A
 * try that does not end in time counts as failed, and no other begins before it has ended.
 */
export class Probe {
  private last?: Check;
  private lastAt = -Infinity;
  private beganAt = 0;
  private running?: Promise<void>;

  constructor(
    private readonly work: () => Promise<void>,
    private readonly timeoutMs = TIMEOUT_MS,
  ) {}

  /** Returns the present result, and begins a try if the result is too old; waits only for the very first try. */
  async look(): Promise<Check> {
    this.begin();
    if (this.last === undefined) await this.settled();
    return this.running !== undefined && this.isLate ? this.late : (this.last ?? this.late);
  }

  /** Begins a try if the last result is too old, and waits for the try under way, for as long as one may take. */
  async renewed(): Promise<void> {
    this.begin();
    await this.settled();
  }

  private begin(): void {
    const believedMs = this.last?.status === 'up' ? UP_MS : DOWN_MS;
    if (this.running !== undefined || performance.now() - this.lastAt < believedMs) return;
    this.beganAt = performance.now();
    this.running = this.work().then(
      () => this.end({ status: 'up' }),
      (error: unknown) => this.end(down(messageOf(error))),
    );
  }

  private end(check: Check): void {
    this.running = undefined;
    this.last = check;
    this.lastAt = performance.now();
  }

  private async settled(): Promise<void> {
    if (this.running === undefined || this.isLate) return;
    let timer!: NodeJS.Timeout;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, this.timeoutMs)));
    await Promise.race([this.running, late]);
    clearTimeout(timer);
  }

  /** A timer may fire up to a millisecond early. */
  private get isLate(): boolean {
    return performance.now() - this.beganAt >= this.timeoutMs - 1;
  }

  private get late(): Check {
    return down(`no answer in ${this.timeoutMs / 1000} s`);
  }
}

const down = (error: string): Check => ({ status: 'down', error });
