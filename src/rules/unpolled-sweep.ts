import { Injectable } from '@nestjs/common';
import { Recurring } from '../common/periodic';
import { telemetry } from '../common/telemetry';
import { Unpolled } from './unpolled';

const EVERY_MS = 2_000;
const FORGET_EVERY_ROUNDS = 300;

/** Sweep that records as not polled the services that nobody evaluates. */
@Injectable()
export class UnpolledSweep extends Recurring {
  /** Number of services that were polled too late at the last round. */
  late = 0;
  private turns = 0;

  constructor(private readonly unpolled: Unpolled) {
    super(EVERY_MS);
  }

  override async round(): Promise<void> {
    this.late = await this.unpolled.count();
    telemetry.servicesNotPolled.set(this.late);
    if (this.late > 0) await this.unpolled.tell();
    await this.unpolled.tellWaiting();
    if (this.turns++ % FORGET_EVERY_ROUNDS === 0) await this.unpolled.forget();
  }
}
