import { Injectable } from '@nestjs/common';
import { openedParams, type Chosen } from '../common/choice';
import { messageOf } from '../common/errors';
import { isReference } from '../common/secret-value';
import { Secrets } from '../common/secrets';
import type { Mapping } from '../common/mapping-registry';
import type { Metric, MetricOptions } from './metric';
import { MetricRegistry } from './metric-registry';

/** One metric of one service, made ready to be read again and again. */
export interface Read {
  readonly type: string;
  readonly timeoutMs: number;
  /** The mapping and its params as it takes them. Throws what makes it unreadable: a secret that is not there. */
  open(): { strategy: Metric; params: object };
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
    const mapping = this.registry.find(chosen.type);
    if (mapping === undefined) {
      const message = this.registry.unknown(chosen.type);
      return { type: chosen.type, timeoutMs, open: () => fail(message) };
    }
    // A variable or file may change under us: what it says is asked at every read.
    const isStable = !mentions(chosen.params);
    const open = () => this.open(mapping, chosen.params);
    return { type: chosen.type, timeoutMs, open: isStable ? remembered(open) : open };
  }

  private open({ options, strategy }: Mapping<Metric, MetricOptions>, stored: Record<string, unknown>) {
    return { strategy, params: openedParams(options.params, stored, this.secrets).params };
  }
}

function remembered<T>(make: () => T): () => T {
  let made: { value: T } | { error: string } | undefined;
  return () => {
    made ??= attempt(make);
    return 'value' in made ? made.value : fail(made.error);
  };
}

function attempt<T>(make: () => T): { value: T } | { error: string } {
  try {
    return { value: make() };
  } catch (error) {
    return { error: messageOf(error) };
  }
}

function fail(message: string): never {
  throw new Error(message);
}

const mentions = (value: unknown): boolean =>
  isReference(value) || (typeof value === 'object' && value !== null && Object.values(value).some(mentions));
