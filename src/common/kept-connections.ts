export interface KeptConnectionsOptions<T> {
  /** Largest number of connections that are kept; beyond it, the least recently used is let go. */
  atMost: number;
  /** Time after which an unused connection is closed, milliseconds. */
  idleMs: number;
  close(connection: T): void;
  /** Tells whether a kept connection can be used again; called before each reuse. */
  isAlive?(connection: T): boolean;
}

/** Connection in use; `letGo` ends that. */
export interface Held<T> {
  readonly connection: T;
}

interface Entry<T> extends Held<T> {
  users: number;
  usedAt: number;
  isKept: boolean;
}

/**
 * Connections kept open for reuse, by key.
 *
 * An entry is kept (in `entries`, used by any number of callers) or dropped (no longer found, closed when its last user
 * is done). Only `closeAll` closes a connection that is in use.
 */
export class KeptConnections<T> {
  /** Kept connections, least recently used first. */
  private readonly entries = new Map<string, Entry<T>>();
  private sweep?: NodeJS.Timeout;
  private isClosed = false;

  constructor(private readonly options: KeptConnectionsOptions<T>) {}

  get size(): number {
    return this.entries.size;
  }

  /**
   * Runs the work with the connection of that key, opening it if needed. One connection may serve several callers at a
   * time.
   */
  async use<R>(key: string, open: () => T, work: (connection: T) => Promise<R>): Promise<R> {
    const held = this.hold(key, open);
    try {
      return await work(held.connection);
    } finally {
      this.letGo(held);
    }
  }

  /** Does the same as `use` for work that ends by `letGo`. */
  hold(key: string, open: () => T): Held<T> {
    if (this.isClosed) throw new Error('the program is stopping');
    const entry = this.alive(key) ?? { connection: open(), users: 0, usedAt: 0, isKept: true };
    this.touch(key, entry);
    entry.users += 1;
    return entry;
  }

  letGo(held: Held<T>): void {
    const entry = held as Entry<T>;
    entry.users -= 1;
    entry.usedAt = performance.now();
    if (!entry.isKept && entry.users === 0) this.options.close(entry.connection);
  }

  /**
   * Stops reusing this connection: the next caller opens a new one, and this one is closed when its last user is done.
   */
  drop(key: string, connection: T): void {
    const entry = this.entries.get(key);
    if (entry?.connection === connection) this.leave(key, entry);
  }

  closeAll(): void {
    this.isClosed = true;
    clearInterval(this.sweep);
    for (const { connection } of this.entries.values()) this.options.close(connection);
    this.entries.clear();
  }

  private alive(key: string): Entry<T> | undefined {
    const entry = this.entries.get(key);
    if (entry === undefined || (this.options.isAlive?.(entry.connection) ?? true)) return entry;
    this.leave(key, entry);
    return undefined;
  }

  private touch(key: string, entry: Entry<T>): void {
    this.entries.delete(key);
    this.entries.set(key, entry);
    if (this.entries.size > this.options.atMost) this.leaveOldest();
    this.sweep ??= setInterval(() => this.closeIdle(), this.options.idleMs / 4).unref();
  }

  private leaveOldest(): void {
    const [oldest] = this.entries;
    if (oldest !== undefined) this.leave(...oldest);
  }

  private closeIdle(): void {
    const since = performance.now() - this.options.idleMs;
    for (const [key, entry] of this.entries) {
      if (entry.users === 0 && entry.usedAt < since) this.leave(key, entry);
    }
  }

  private leave(key: string, entry: Entry<T>): void {
    this.entries.delete(key);
    entry.isKept = false;
    if (entry.users === 0) this.options.close(entry.connection);
  }
}
