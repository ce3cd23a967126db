import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { withDeadline } from '../common/deadline';
import { messageOf } from '../common/errors';
import { telemetry } from '../common/telemetry';
import type { Metric, Node, Reading } from './metric';
import type { Read } from './reads';

/** A service as the poller sees it. */
export interface Polled {
  readonly reads: Readonly<Record<string, Read>>;
  /** Nodes of its infrastructure, for `number_of_nodes`. */
  countNodes(): Promise<number>;
  /** The same, with their addresses. */
  listNodes(): Promise<Node[]>;
}

/** A service whose reads have all come back, or failed. */
export interface Polling<P extends Polled> {
  readonly polled: P;
  readonly readings: Readonly<Record<string, Reading>>;
}

/** Requests to targets under way at once in this process. */
const MAX_REQUESTS = 512;
/** Services that are done within this time of each other go on together. */
const LINGER_MS = 15;

interface Request {
  strategy: Metric;
  timeoutMs: number;
  params: object[];
  /** Where each answer goes. */
  settle: ((reading: Reading) => void)[];
  /** The first of the services that share it. */
  polled: Polled;
  type: string;
}

/**
 * Reads the metrics of many services at once: those of one target go together, targets side by side, and a dead
 * target holds up nobody but its own services.
 */
@Injectable()
export class Poller implements BeforeApplicationShutdown {
  private readonly underWay = new Set<AbortController>();
  private stopped = false;
  private free = MAX_REQUESTS;
  private readonly queue: (() => void)[] = [];

  beforeApplicationShutdown(): void {
    this.stopped = true;
    for (const controller of this.underWay) controller.abort(new Error('the program stops'));
  }

  /** Services as their reads come back, in waves; every one exactly once. */
  async *poll<P extends Polled>(services: readonly P[]): AsyncGenerator<Polling<P>[]> {
    const done: Polling<P>[] = [];
    let left = services.length;
    let wake = () => {};
    const requests = new Map<string, Request>();
    for (const polled of services) {
      this.collect(polled, requests, (readings) => {
        done.push({ polled, readings });
        wake();
      });
    }
    for (const request of requests.values()) void this.send(request);
    while (left > 0) {
      if (done.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      if (done.length < left) await new Promise((resolve) => setTimeout(resolve, LINGER_MS));
      // What was cut short is not missing data: nobody has looked.
      if (this.stopped) throw new Error('the program stops; these services are left to their next poll');
      const wave = done.splice(0);
      left -= wave.length;
      yield wave;
    }
  }

  /** Adds the reads of a service to the requests of their targets. */
  private collect(
    polled: Polled,
    requests: Map<string, Request>,
    whenDone: (readings: Record<string, Reading>) => void,
  ): void {
    const readings: Record<string, Reading> = {};
    const entries = Object.entries(polled.reads);
    let missing = entries.length;
    if (missing === 0) whenDone(readings);
    entries.forEach(([metric, read], index) => {
      let settled = false;
      const settle = (reading: Reading) => {
        if (settled) return;
        settled = true;
        readings[metric] = reading;
        telemetry.reads.inc({ type: read.type, outcome: 'value' in reading ? 'value' : 'error' });
        if (--missing === 0) whenDone(readings);
      };
      try {
        const { strategy, params } = read.open();
        const target = strategy.readMany && strategy.target ? strategy.target(params) : `alone:${index}`;
        const shared = strategy.readMany ? `${read.type}|${read.timeoutMs}|${target}` : undefined;
        const key = shared ?? `${requests.size}|${index}`;
        const request = requests.get(key);
        if (request === undefined) {
          const { type, timeoutMs } = read;
          requests.set(key, {
            strategy,
            type,
            timeoutMs,
            params: [params],
            settle: [settle],
            polled,
          });
        } else {
          request.params.push(params);
          request.settle.push(settle);
        }
      } catch (error) {
        settle({ error: messageOf(error) });
      }
    });
  }

  private async send(request: Request): Promise<void> {
    if (this.free > 0) this.free--;
    else await new Promise<void>((resolve) => this.queue.push(resolve));
    try {
      const readings = await this.ask(request);
      request.settle.forEach((settle, index) => settle(finite(readings[index])));
    } finally {
      const next = this.queue.shift();
      if (next) next();
      else this.free++;
    }
  }

  private async ask({ strategy, params, timeoutMs, polled }: Request): Promise<Reading[]> {
    const abort = new AbortController();
    this.underWay.add(abort);
    try {
      return await withDeadline(
        timeoutMs,
        (signal) => {
          const nodes = () => polled.countNodes();
          const context = { signal, timeoutMs, nodes, listNodes: () => polled.listNodes() };
          if (strategy.readMany) return strategy.readMany(params, context);
          return strategy.read(params[0], context).then((value) => [{ value }]);
        },
        abort,
      );
    } catch (error) {
      return params.map(() => ({ error: messageOf(error) }));
    } finally {
      this.underWay.delete(abort);
    }
  }
}

/** A mapping that answers no finite number has read nothing. */
function finite(reading: Reading | undefined): Reading {
  if (reading === undefined) return { error: 'the mapping gave no answer' };
  if ('error' in reading || Number.isFinite(reading.value)) return reading;
  return { error: `${reading.value} is not a finite number` };
}
