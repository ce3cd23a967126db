import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { telemetry } from '../../common/telemetry';
import type { Reading } from '../../common/reading';
import { unlessAborted } from '../../common/unless-aborted';
import type { Answer, Question } from './messages';
import { ReaderGone, ReaderProcess } from './reader-process';
import { Suspects } from './suspects';

/** Pause before a process is started anew, milliseconds; doubled while one after the other ends. */
const RESTART_MS = 50;
const LONGEST_RESTART_MS = 3_000;
/** Life after which a process counts as sound, milliseconds. */
const SOUND_MS = 30_000;
/** Most processes that may end on one question. */
const TRIES = 5;

/** Question as it comes from a metric. */
export interface Asking extends Question {
  /** Name of the target for people, without its secrets. */
  where: string;
}

/**
 * Reads targets whose protocols libraries decode, in a process of its own: a target that breaks it costs the others no
 * more than a moment.
 *
 * - All targets are asked in one process. When it ends, another one is started, and what was not answered is asked
 *   again, all within the time that a read has.
 * - A target whose answer ended it is a suspect, and asked in a second process, where suspects are asked one at a time.
 * - A target that ends that one is known for sure, and not asked for a while.
 */
@Injectable()
export class TargetReader implements OnApplicationShutdown {
  private readonly logger = new Logger('TargetReader');
  private readonly suspects = new Suspects();
  private readonly everybody = new Restarted((gone) => this.noteEnd(gone));
  private readonly alone = new Restarted((gone) => this.noteEnd(gone));
  /** Promise that settles when the suspect that is being asked has answered. */
  private turn: Promise<unknown> = Promise.resolve();

  /** Reads one reading for each question; errors are the ends of sentences. @throws the signal's reason */
  async read(asking: Asking, signal: AbortSignal): Promise<Answer> {
    const { where, ...question } = asking;
    for (let tries = 1; ; tries++) {
      const pauseMs = this.suspects.pauseOf(question.target, performance.now());
      if (pauseMs > 0)
        return failed(
          question,
          `its answer broke the process that read it: it is asked again in ${seconds(pauseMs)}`,
        );
      try {
        if (this.suspects.has(question.target)) return await this.readAlone(asking, signal);
        return await unlessAborted(signal, this.everybody.ask(question));
      } catch (error) {
        if (!(error instanceof ReaderGone)) throw error;
        if (tries === TRIES)
          return failed(question, `the process that reads it ended again and again: ${error.message}`);
        // Where nobody knows who it was, those who see it twice are suspects.
        const mayBeIt = error.target === undefined ? tries > 1 : error.target === question.target;
        if (error.wasUp && mayBeIt && !this.suspects.has(question.target)) {
          this.suspects.accuse(question.target);
          this.logger.warn(`${where} may have ended the process that read it: it is asked alone for now`);
        }
      }
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.everybody.close(), this.alone.close()]);
  }

  private readAlone({ where, ...question }: Asking, signal: AbortSignal): Promise<Answer> {
    const read = async (): Promise<Answer> => {
      if (signal.aborted) throw signal.reason;
      try {
        const answer = await this.alone.ask(question);
        this.suspects.clear(question.target);
        return answer;
      } catch (error) {
        if (!(error instanceof ReaderGone) || !error.wasUp) throw error;
        const pauseMs = this.suspects.convict(question.target, performance.now());
        this.countAside();
        setTimeout(() => this.countAside(), pauseMs + 1).unref();
        this.logger.warn(
          `what ${where} answers broke the process that reads it (${error.message}): it is asked again in ${seconds(pauseMs)}`,
        );
        return failed(
          question,
          `its answer broke the process that read it: it is asked again in ${seconds(pauseMs)}`,
        );
      }
    };
    const reading = this.turn.then(read);
    this.turn = reading.catch(() => undefined);
    return unlessAborted(signal, reading);
  }

  private noteEnd(gone: ReaderGone): void {
    telemetry.readerRestarts.inc({ reason: gone.why });
    this.logger.warn(`the process that reads targets ended: ${gone.message}`);
  }

  private countAside(): void {
    telemetry.targetsAside.set(this.suspects.asideAt(performance.now()));
  }
}

/**
 * Process that reads, which is started when somebody asks, and again after it has ended, later and later. At most one
 * lives or is being started at a time.
 */
class Restarted {
  private process?: ReaderProcess;
  private starting?: Promise<ReaderProcess>;
  private startedAt = 0;
  private deaths = 0;
  private isClosed = false;

  constructor(private readonly whenGone: (gone: ReaderGone) => void) {}

  async ask(question: Question): Promise<Answer> {
    const process =
      this.process ?? (await (this.starting ??= this.start().finally(() => (this.starting = undefined))));
    return process.ask(question);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.process?.close();
  }

  private async start(): Promise<ReaderProcess> {
    if (this.deaths > 0) {
      const pauseMs = Math.min(RESTART_MS * 2 ** (this.deaths - 1), LONGEST_RESTART_MS);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    if (this.isClosed) throw new Error('the program is stopping');
    this.startedAt = performance.now();
    const process = new ReaderProcess((gone) => {
      this.process = undefined;
      if (this.isClosed) return;
      this.deaths = performance.now() - this.startedAt > SOUND_MS ? 1 : Math.min(this.deaths + 1, 10);
      this.whenGone(gone);
    });
    this.process = process;
    return process;
  }
}

function failed({ asks }: Question, error: string): Reading[] {
  return asks.map(() => ({ error }));
}

const seconds = (ms: number): string => `${Math.ceil(ms / 1000)} s`;
