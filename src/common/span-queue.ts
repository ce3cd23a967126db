import { Logger } from '@nestjs/common';
import type { ReadableSpan, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { telemetry } from './telemetry';

/** Largest number of spans that wait; what comes while as many do is dropped. */
export const WAITING_AT_MOST = 4_096;
/** Largest number of spans in one request. */
export const BATCH_AT_MOST = 512;
/** Time for which spans are collected before they are sent, milliseconds. */
const EVERY_MS = 2_000;
/** `ExportResultCode.SUCCESS`. */
const TAKEN = 0;
/** Time that the last spans get when the program stops, milliseconds. */
export const CLOSE_MS = 2_000;

/**
 * Spans that have ended and wait to be sent. At most one batch is on its way; the next one leaves when that is answered,
 * or given up by the exporter's timeout.
 *
 * States: idle (nothing waits), collecting (a timer runs), sending, closed. Always: no more than `WAITING_AT_MOST` wait,
 * each span is counted once, as sent or as dropped, and nothing here waits for a collector but `shutdown`, which has a
 * deadline.
 */
export class SpanQueue implements SpanProcessor {
  private readonly logger = new Logger('Tracing');
  private waiting: ReadableSpan[] = [];
  private timer?: NodeJS.Timeout;
  /** The batch on its way, and a promise of its end. */
  private sending?: { spans: readonly ReadableSpan[]; end: Promise<void> };
  private isClosed = false;
  private isAway = false;

  constructor(
    private readonly exporter: SpanExporter,
    private readonly closeMs = CLOSE_MS,
  ) {}

  onStart(): void {
    // What has only begun is not told.
  }

  onEnd(span: ReadableSpan): void {
    if (this.isClosed) return drop('closed', 1);
    if (this.waiting.length >= WAITING_AT_MOST) return drop('queue_full', 1);
    this.waiting.push(span);
    if (this.sending !== undefined) return;
    if (this.waiting.length >= BATCH_AT_MOST) return this.send();
    this.timer ??= setTimeout(() => this.send(), EVERY_MS).unref();
  }

  async forceFlush(): Promise<void> {
    while (this.sending !== undefined || this.waiting.length > 0) {
      if (this.sending === undefined) this.send();
      await this.sending?.end;
    }
  }

  /** Sends what waits, within the deadline; drops what is left then. */
  async shutdown(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    let timer!: NodeJS.Timeout;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, this.closeMs)));
    await Promise.race([this.forceFlush(), late]).finally(() => clearTimeout(timer));
    const left = this.waiting.length + (this.sending?.spans.length ?? 0);
    if (left > 0) this.logger.warn(`${left} spans were not sent before the end`);
    drop('closed', this.waiting.length);
    this.waiting = [];
  }

  private send(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const spans = this.waiting.splice(0, BATCH_AT_MOST);
    if (spans.length === 0) return;
    const end = this.exported(spans).then((error) => {
      this.sending = undefined;
      this.note(spans.length, error);
      // Meanwhile as many may have come as fill the next.
      if (this.waiting.length >= BATCH_AT_MOST) this.send();
      else if (this.waiting.length > 0) this.timer ??= setTimeout(() => this.send(), EVERY_MS).unref();
    });
    this.sending = { spans, end };
  }

  /** Hands spans to the exporter. Returns its error, if any; never throws. */
  private exported(spans: ReadableSpan[]): Promise<Error | undefined> {
    return new Promise((resolve) => {
      try {
        this.exporter.export(spans, ({ code, error }) =>
          resolve(Number(code) === TAKEN ? undefined : (error ?? new Error('unknown'))),
        );
      } catch (error) {
        resolve(error as Error);
      }
    });
  }

  private note(count: number, error: Error | undefined): void {
    if (error === undefined) telemetry.spansSent.inc(count);
    else drop('not_sent', count);
    if (error !== undefined && !this.isAway)
      this.logger.warn(`spans can't be sent and are dropped: ${whyOf(error)}`);
    if (error === undefined && this.isAway) this.logger.log('spans are sent again');
    this.isAway = error !== undefined;
  }
}

const drop = (reason: 'queue_full' | 'not_sent' | 'closed', count: number): void =>
  telemetry.spansDropped.inc({ reason }, count);

/** Returns why a batch was not taken, in our words: what the other side says may be anything. */
function whyOf(error: Error): string {
  const { code } = error as { code?: unknown };
  if (typeof code === 'number') return `the collector answered ${code}`;
  return typeof code === 'string' ? code : 'no answer that takes them';
}
