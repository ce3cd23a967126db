import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Chosen } from '../common/choice';
import { readied, type Opener, type Ready } from '../common/ready';
import { Secrets } from '../common/secrets';
import type { Metric, MetricOptions } from '../metrics/metric';
import { MetricRegistry } from '../metrics/metric-registry';

/** Metric of one service, ready to be read again and again. */
export interface Read {
  readonly type: string;
  readonly timeoutMs: number;
  /** Whether it needs opening only once, as nothing in its params is kept elsewhere, where it may change. */
  readonly isFixed: boolean;
  /**
   * Looks at the files that it names; comes before each `open`. Returns undefined when there is nothing to wait for.
   */
  look(): Promise<void> | undefined;
  /** Returns the mapping and its params. Throws what makes the metric unreadable, such as a secret that is missing. */
  open(): Opened;
}

/** Mapping with its params as it takes them, and the keys by which equal questions are found. */
export interface Opened {
  readonly strategy: Metric;
  readonly params: object;
  /** Key that is the same for the same question: mapping, params and timeout. */
  readonly question: string;
  /** Key that is the same for what goes out together. */
  readonly group: string;
  /** Whether the answer is, or may be, about the nodes of the service's infrastructure. */
  readonly asksForNodes: boolean;
}

/** Makes reads of stored definitions: parsed, checked and decrypted once, not at every poll. */
@Injectable()
export class Reads {
  constructor(
    private readonly registry: MetricRegistry,
    private readonly secrets: Secrets,
  ) {}

  /** @param timeoutMs milliseconds one read may take */
  of(chosen: Chosen, timeoutMs: number): Read {
    return new StoredRead(chosen.type, timeoutMs, readied(this.registry, chosen, this.secrets));
  }
}

class StoredRead implements Read {
  constructor(
    readonly type: string,
    readonly timeoutMs: number,
    private readonly ready: Opener<Ready<Metric, MetricOptions>>,
  ) {}

  get isFixed(): boolean {
    return this.ready.isFixed;
  }

  look(): Promise<void> | undefined {
    return this.ready.look();
  }

  open(): Opened {
    const { strategy, params, options } = this.ready.open();
    // Params hold secrets, and what tells questions apart is kept.
    const question = createHash('sha256')
      .update(JSON.stringify([this.type, this.timeoutMs, params]))
      .digest('base64url');
    const target = strategy.readMany && strategy.target?.(params);
    const group = target === undefined ? question : `${this.type}|${this.timeoutMs}|${target}`;
    return { strategy, params, question, group, asksForNodes: options.asksForNodes === true };
  }
}
