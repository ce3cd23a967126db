import { Injectable } from '@nestjs/common';
import type { Chosen } from '../common/choice';
import { readied } from '../common/ready';
import { Secrets } from '../common/secrets';
import type { Metric } from './metric';
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
    return { type: chosen.type, timeoutMs, open: readied(this.registry, chosen, this.secrets) };
  }
}
