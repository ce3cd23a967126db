import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { telemetry } from '../common/telemetry';
import type { Reading } from '../common/reading';
import { look, planOf } from './poll-plan';
import type { PollPlan } from './planned';
import { PollRequest, Tally, type Asker } from './poll-request';
import { TimedRead } from './timed-read';
import type { Polled, Polling } from './polled';

/** Most requests to targets that are under way in this process at a time, and (below) most that wait for their turn. */
const MAX_REQUESTS = 512;
const MAX_WAITING = 10_000;
/** Time in which services that are done are gathered into one wave, milliseconds. */
const LINGER_MS = 15;

interface Waiting {
  request: PollRequest;
  /** Moment until which it may wait, by `performance.now()`. */
  until: number;
}

/**
 * Reads the metrics of many services at once.
 *
 * - Questions to one target go out together, and equal questions once.
 * - Targets are asked side by side, at most `MAX_REQUESTS` at a time in this process; the rest wait in their order.
 * - A request that waited too long, or finds `MAX_WAITING` others waiting, is given up.
 * - A dead target delays only its own services, until its timeout.
 * - Once the program stops, requests are aborted and `poll` throws: what was cut short is not missing data.
 */
@Injectable()
export class Poller implements BeforeApplicationShutdown {
  private readonly underWay = new Set<TimedRead>();
  private stopped = false;
  private free = MAX_REQUESTS;
  private readonly waiting: Waiting[] = [];

  /** True once the program stops. */
  get isStopping(): boolean {
    return this.stopped;
  }

  beforeApplicationShutdown(): void {
    this.stopped = true;
    for (const read of this.underWay) read.stop(new Error('the program stops'));
  }

  /**
   * Returns services as their reads come back, in waves; every one once. A service that is still not asked about after
   * `patienceMs` is left out and counted: there is no room, and a later poll of it is worth more.
   */
  async *poll<P extends Polled>(services: readonly P[], patienceMs = Infinity): AsyncGenerator<Polling<P>[]> {
    await look(services);
    const done: Polling<P>[] = [];
    let left = services.length;
    let wake: (() => void) | undefined;
    const whenOver = (polling: Polling<P>, isRead: boolean) => {
      if (isRead) done.push(polling);
      else {
        left -= 1;
        telemetry.pollsDropped.inc({ reason: 'no_room' });
      }
      wake?.();
      wake = undefined;
    };
    const requests = new Map<string, PollRequest>();
    for (let index = 0; index < services.length; index++) {
      const polled = services[index]!;
      const plan = planOf(polled);
      if (plan.metrics === 0) whenOver({ polled, index, readings: {} }, true);
      else collect(new Tally(polled, index, plan.metrics, whenOver), plan, requests);
    }
    const until = performance.now() + patienceMs;
    for (const request of requests.values()) {
      request.close();
      this.send(request, until);
    }
    while (left > 0) {
      if (done.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      if (done.length < left) await new Promise((resolve) => setTimeout(resolve, LINGER_MS));
      // What was cut short is not missing data: nobody has looked.
      if (this.stopped) throw new Error('the program stops; these services are left to their next poll');
      const wave = done.splice(0);
      left -= wave.length;
      if (wave.length > 0) yield wave;
    }
  }

  private send(request: PollRequest, until: number): void {
    if (this.free > 0) {
      this.free--;
      this.ask(request);
    } else if (this.waiting.length < MAX_WAITING) this.waiting.push({ request, until });
    else request.giveUp();
  }

  /** Passes a free place to the next request that may still wait. */
  private sendNext(): void {
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
      if (performance.now() < next.until) {
        this.ask(next.request);
        return;
      }
      next.request.giveUp();
    }
    this.free++;
  }

  private ask(request: PollRequest): void {
    const read = new TimedRead(request, (over, readings) => this.end(request, over, readings));
    this.underWay.add(read);
    read.begin();
  }

  private end(request: PollRequest, read: TimedRead, readings: readonly Reading[]): void {
    this.underWay.delete(read);
    this.sendNext();
    const values = request.settle(readings);
    const { type, params } = request;
    telemetry.reads.inc({ type, outcome: 'value' }, values);
    telemetry.reads.inc({ type, outcome: 'error' }, params.length - values);
  }
}

/** Adds the questions of a service to the requests of their targets. */
function collect(asker: Asker, plan: PollPlan, requests: Map<string, PollRequest>): void {
  for (const group of plan.groups) {
    const request = requests.get(group.key);
    if (request === undefined) requests.set(group.key, new PollRequest(group, asker));
    else request.join(group, asker);
  }
  for (const { metric, type, error } of plan.unreadable) {
    telemetry.reads.inc({ type, outcome: 'error' });
    asker.take(metric, { error });
  }
}
