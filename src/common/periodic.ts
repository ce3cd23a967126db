import { Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { messageOf } from './errors';

/**
 * Repeats some work until it is stopped. The first round begins at once. The pause after it is shorter, by up to a half
 * at random: what starts together and has one pause would come at the same moment for good, and take a connection to
 * PostgreSQL each.
 *
 * It is waiting for its timer, running one round, or stopped. Two rounds never overlap, and an error in one does not
 * prevent the next.
 *
 * @param pauseMs milliseconds from the end of a round to the next, or a function that returns them
 */
export class Periodic {
  private timer?: NodeJS.Timeout;
  private round: Promise<void> = Promise.resolve();
  private stopped = false;
  private failing = false;
  /** Share of the pause that the first one is. */
  private share = 1 - Math.random() / 2;
  private readonly logger: Logger;

  constructor(
    private readonly name: string,
    private readonly pauseMs: number | (() => number),
    private readonly work: () => Promise<unknown>,
  ) {
    this.logger = new Logger(name);
  }

  start(): void {
    this.schedule(0);
  }

  /** Stops. Resolves when the current round, if any, is over. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.round;
  }

  private schedule(ms: number): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.round = this.run().finally(() => {
        const { share, pauseMs } = this;
        this.share = 1;
        this.schedule(Math.ceil(share * (typeof pauseMs === 'number' ? pauseMs : pauseMs())));
      });
    }, ms);
  }

  private async run(): Promise<void> {
    try {
      await this.work();
      if (this.failing) this.logger.log(`${this.name} works again`);
      this.failing = false;
    } catch (error) {
      // One line when it begins to fail; the next when it works again.
      if (!this.failing) this.logger.warn(`${this.name} fails and is tried again: ${messageOf(error)}`);
      this.failing = true;
    }
  }
}

/** Provider whose rounds begin when the program is up and end when it drains. */
export abstract class Recurring implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly rounds: Periodic;

  protected constructor(pauseMs: number | (() => number)) {
    this.rounds = new Periodic(this.constructor.name, pauseMs, () => this.round());
  }

  abstract round(): Promise<unknown>;

  onApplicationBootstrap(): void {
    this.rounds.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.rounds.stop();
  }
}
