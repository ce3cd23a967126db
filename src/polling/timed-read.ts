import { setMaxListeners } from 'node:events';
import { GRACE_MS, tooLate } from '../common/deadline';
import { messageOf } from '../common/errors';
import type { Reading } from '../common/reading';
import type { ReadContext } from '../metrics/metric';
import type { PollRequest } from './poll-request';

/**
 * Request that is under way to its target.
 *
 * It is begun; then perhaps told to stop, at its timeout or by `stop`; and ends once: by its answer, its failure, or
 * `GRACE_MS` after its timeout, from when on its answer is nobody's any more. Its signal is made when a mapping looks
 * at it, as that costs as much as asking an agent.
 */
export class TimedRead {
  private controller?: AbortController;
  private stoppedBecause?: Error;
  private readonly listeners: ((why: Error) => void)[] = [];
  private timer?: NodeJS.Timeout;
  private isOver = false;

  /** @param whenOver called once, with a reading of each question */
  constructor(
    private readonly request: PollRequest,
    private readonly whenOver: (read: TimedRead, readings: readonly Reading[]) => void,
  ) {}

  begin(): void {
    const { strategy, params, timeoutMs } = this.request;
    this.timer = setTimeout(() => this.late(), timeoutMs);
    let asked: Promise<readonly Reading[]>;
    try {
      asked = strategy.readMany
        ? strategy.readMany(params, this.context())
        : strategy.read(params[0], this.context()).then((value) => [{ value }]);
    } catch (error) {
      return this.fail(error);
    }
    asked.then(
      (readings) => this.end(readings),
      (error: unknown) => this.fail(error),
    );
  }

  /** Tells the mapping to stop. */
  stop(why: Error): void {
    if (this.stoppedBecause !== undefined) return;
    this.stoppedBecause = why;
    this.controller?.abort(why);
    for (const listener of this.listeners.splice(0)) listener(why);
  }

  /** Properties of its own, as mappings copy it. */
  private context(): ReadContext {
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- a getter has its own
    const read = this;
    return {
      get signal() {
        return read.signal;
      },
      onAbort: (listener) => this.listen(listener),
      timeoutMs: this.request.timeoutMs,
      ...this.request.nodes,
    };
  }

  private get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      // Several hundred questions may listen to it at once, and Node warns of more than ten.
      setMaxListeners(0, this.controller.signal);
      if (this.stoppedBecause !== undefined) this.controller.abort(this.stoppedBecause);
    }
    return this.controller.signal;
  }

  private listen(listener: (why: Error) => void): () => void {
    if (this.stoppedBecause !== undefined) listener(this.stoppedBecause);
    else this.listeners.push(listener);
    return () => {
      const index = this.listeners.indexOf(listener);
      if (index >= 0) this.listeners.splice(index, 1);
    };
  }

  private late(): void {
    const why = tooLate(this.request.timeoutMs);
    this.timer = setTimeout(() => this.fail(why), GRACE_MS);
    this.stop(why);
  }

  private fail(why: unknown): void {
    const failed = { error: messageOf(why) };
    this.end(this.request.params.map(() => failed));
  }

  private end(readings: readonly Reading[]): void {
    if (this.isOver) return;
    this.isOver = true;
    clearTimeout(this.timer);
    this.whenOver(this, readings);
  }
}
