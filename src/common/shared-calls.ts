import { unlessAborted } from './unless-aborted';

interface Shared<T> {
  outcome: Promise<T>;
  end: AbortController;
  waiting: number;
}

/**
 * Calls that are shared by those who want the same at a time: a call under way serves whoever asks for it meanwhile.
 *
 * Each waits no longer than its own signal. A call that nobody waits for any more is aborted, and not joined.
 */
export class SharedCalls<T> {
  private readonly under = new Map<string, Shared<T>>();

  /**
   * Returns the outcome of the call of that key, which is begun if it is not under way.
   *
   * @throws what the call throws; the signal's reason when it aborts
   */
  async take(key: string, signal: AbortSignal, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const shared = this.under.get(key) ?? this.begin(key, call);
    shared.waiting += 1;
    try {
      return await unlessAborted(signal, shared.outcome);
    } finally {
      shared.waiting -= 1;
      if (shared.waiting === 0 && this.forget(key, shared)) shared.end.abort(signal.reason);
    }
  }

  private begin(key: string, call: (signal: AbortSignal) => Promise<T>): Shared<T> {
    const end = new AbortController();
    const shared = { outcome: call(end.signal), end, waiting: 0 };
    this.under.set(key, shared);
    const over = (): void => void this.forget(key, shared);
    shared.outcome.then(over, over);
    return shared;
  }

  private forget(key: string, shared: Shared<T>): boolean {
    return this.under.get(key) === shared && this.under.delete(key);
  }
}
