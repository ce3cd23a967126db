import { reasonOfAbort } from '../common/unless-aborted';
import type { Answer, SentAtOnce } from './snmp-agent';
import { reasonOf } from './snmp-reason';

/** Whoever asks, and may leave before there is an answer. */
export interface SnmpAsker {
  readonly signal: AbortSignal;
  /** Does what a listener on the signal does, and costs less. Returns what ends that. */
  onAbort?(listener: (why: Error) => void): () => void;
}

/**
 * End of a read that comes from outside: whoever asked leaves. It listens until it is over or `close`d; one at a time
 * waits for it.
 */
export class Ending {
  /** Why it is over, as the end of a sentence. */
  private why?: string;
  private listener?: () => void;
  private readonly ignore: () => void;

  constructor(
    asker: SnmpAsker,
    private readonly timeoutMs: number,
  ) {
    this.ignore = asker.onAbort
      ? asker.onAbort((reason) => this.end(reason))
      : listening(asker.signal, (reason) => this.end(reason));
  }

  get isOver(): boolean {
    return this.why !== undefined;
  }

  /** Returns what comes of the first try of a question; undefined when nothing does, or this is over before. */
  orSooner(sent: SentAtOnce): Promise<Answer | undefined> {
    return new Promise((resolve) => {
      if (this.isOver) return resolve(undefined);
      this.listener = () => resolve(undefined);
      sent.whenSoon((answer) => {
        this.listener = undefined;
        resolve(answer);
      });
    });
  }

  /**
   * Waits for the work until it ends, this is over or the time is, whichever is first; then this is closed. Returns why
   * the work did not come to its end. What is left of it ends by its own timeouts.
   */
  orEnd(work: Promise<void>, leftMs: number): Promise<string | undefined> {
    return new Promise((resolve) => {
      const end = (why?: string): void => {
        clearTimeout(timer);
        this.listener = undefined;
        this.close();
        resolve(why);
      };
      const timer = setTimeout(() => end(`no answer in ${this.timeoutMs / 1000} s`), leftMs);
      this.listener = () => end(this.why);
      if (this.isOver) end(this.why);
      work.then(
        () => end(),
        (error: unknown) => end(reasonOf(error, this.timeoutMs)),
      );
    });
  }

  close(): void {
    this.ignore();
  }

  private end(reason: unknown): void {
    this.why ??= reasonOfAbort({ reason }, this.timeoutMs);
    this.listener?.();
  }
}

function listening(signal: AbortSignal, listener: (reason: unknown) => void): () => void {
  const stop = (): void => listener(signal.reason);
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  return () => signal.removeEventListener('abort', stop);
}
