import { Injectable } from '@nestjs/common';
import { Recurring } from '../common/periodic';
import { Silences } from './silences';

const EVERY_MS = 1_000;

/** Sweep that ends silences whose services have been ok for as long as they ask. */
@Injectable()
export class SilenceSweep extends Recurring {
  constructor(private readonly silences: Silences) {
    super(EVERY_MS);
  }

  override round(): Promise<unknown> {
    return this.silences.endOk();
  }
}
