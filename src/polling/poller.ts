import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { withDeadline } from '../common/deadline';
import { messageOf } from '../common/errors';
import { telemetry } from '../common/telemetry';
import type { Reading } from '../common/reading';
import { look, planOf, type PollPlan } from './poll-plan';
import { PollRequest, Tally } from './poll-request';
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
  private readonly underWay = new Set<AbortController>();
  private stopped = false;
  private free = MAX_REQUESTS;
  private readonly waiting: Waiting[] = [];

  /** True once the program stops. */
  get isStopping(): boolean {
    return this.stopped;
  }

  beforeApplicationShutdown(): void {
    this.stopped = true;
    for (const controller of this.underWay) controller.abort(new Error('the program stops'));
  }

  /**
   * Returns services as their reads come back, in waves; every one once. A service that is still not asked about after
   * `patienceMs` is left out and counted: there is no room, and a later poll of it is worth more.
   */
  async *poll<P extends Polled>(services: readonly P[], patienceMs = Infinity): AsyncGenerator<Polling<P>[]> {
    await look(services);
    const done: Polling<P>[] = [];
    let left = services.length;
    let wake = () => {};
    const requests = new Map<string, PollRequest>();
    for (const polled of services) {
      const plan = planOf(polled);
      const whenDone = (readings?: Readonly<Record<string, Reading>>) => {
        if (readings === undefined) {
          left -= 1;
          telemetry.pollsDropped.inc({ reason: 'no_room' });
        } else done.push({ polled, readings });
        wake();
      };
      const missing = metricsIn(plan);
      if (missing === 0) whenDone({});
      else collect(polled, new Tally(missing, whenDone), plan, requests);
    }
    const until = performance.now() + patienceMs;
    for (const request of requests.values()) this.send(request, until);
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
      void this.ask(request);
    } else if (this.waiting.length < MAX_WAITING) this.waiting.push({ request, until });
    else request.giveUp();
  }

  /** Passes a free place to the next request that may still wait. */
  private sendNext(): void {
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
      if (performance.now() < next.until) {
        void this.ask(next.request);
        return;
      }
      next.request.giveUp();
    }
    this.free++;
  }

  private async ask(request: PollRequest): Promise<void> {
    const { strategy, params, timeoutMs, type } = request;
    const abort = new AbortController();
    this.underWay.add(abort);
    let readings: Reading[];
    try {
      readings = await withDeadline(
        timeoutMs,
        (signal) => {
          const context = { signal, timeoutMs, ...request.nodes };
          if (strategy.readMany) return strategy.readMany(params, context);
          return strategy.read(params[0], context).then((value) => [{ value }]);
        },
        abort,
      );
    } catch (error) {
      const failed = { error: messageOf(error) };
      readings = params.map(() => failed);
    }
    this.underWay.delete(abort);
    this.sendNext();
    const values = request.settle(readings);
    telemetry.reads.inc({ type, outcome: 'value' }, values);
    telemetry.reads.inc({ type, outcome: 'error' }, params.length - values);
  }
}

/** Adds the questions of a service to the requests of their targets. */
function collect(polled: Polled, tally: Tally, plan: PollPlan, requests: Map<string, PollRequest>): void {
  for (const group of plan.groups) {
    const request = requests.get(group.key);
    if (request === undefined) requests.set(group.key, new PollRequest(group, tally, polled));
    else request.join(group, tally);
  }
  for (const { metric, type, error } of plan.unreadable) {
    telemetry.reads.inc({ type, outcome: 'error' });
    tally.take(metric, { error });
  }
}

function metricsIn({ groups, unreadable }: PollPlan): number {
  return groups.reduce((count, { metrics }) => count + metrics.length, unreadable.length);
}
