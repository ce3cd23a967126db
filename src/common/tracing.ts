import type { TracingConfig } from '../config/config';
import { placeIn } from './traceparent';

/**
 * Traces of what this process does. Off unless it is configured: then `tracer()` is undefined, which is all that
 * tracing costs, and no package of OpenTelemetry is loaded.
 *
 * A trace goes from process to process as a `traceparent`: beside the ids in a job, and in an execution's variables.
 */

/** Facts of a span: ids, names, words and counts. Never a payload, a text of a target, or a secret. */
export type SpanFacts = Readonly<Record<string, string | number | boolean | undefined>>;

export interface SpanOptions {
  /** What asks (`client`), answers (`server`), takes from a queue (`consumer`), or neither. */
  kind?: 'client' | 'server' | 'consumer';
  /** `traceparent` of the span that this one belongs to, maybe from outside; without one a trace begins. */
  parent?: unknown;
  /** `traceparent` of others that led to it. */
  links?: readonly string[];
  facts?: SpanFacts;
  /** Moment at which it began, as `performance.now()` has it; by default now. */
  beganAt?: number;
}

/** A span that has begun. What never ends is never told. */
export interface OpenSpan {
  readonly traceparent: string;
  add(facts: SpanFacts): void;
  /** Marks it as failed, by a word. */
  fail(why: string): void;
  end(): void;
}

export interface Tracer {
  start(name: string, options: SpanOptions): OpenSpan;
  /** Sends what is left, within a deadline. */
  close(): Promise<void>;
}

let current: Tracer | undefined;

/** Returns the tracer of this process; undefined where tracing is off. */
export const tracer = (): Tracer | undefined => current;

/** Begins to trace, if that is configured. */
export async function startTracing(config: TracingConfig | undefined, facts: SpanFacts): Promise<void> {
  if (config === undefined || current !== undefined) return;
  const { otlpTracer } = await import('./otlp-tracer.js');
  current = otlpTracer(config, facts);
}

/** Ends tracing: sends what is left. */
export async function stopTracing(): Promise<void> {
  const ending = current;
  current = undefined;
  await ending?.close();
}

/**
 * Does some work within a span, which fails with it.
 *
 * @param options made only where tracing is on
 */
export function traced<T>(
  name: string,
  options: () => SpanOptions,
  work: (span: OpenSpan | undefined) => Promise<T>,
): Promise<T> {
  return current === undefined ? work(undefined) : within(current.start(name, options()), work);
}

async function within<T>(span: OpenSpan, work: (span: OpenSpan) => Promise<T>): Promise<T> {
  try {
    return await work(span);
  } catch (error) {
    span.fail((error as Error | undefined)?.name ?? 'Error');
    throw error;
  } finally {
    span.end();
  }
}

/** Returns a `traceparent` to hand on; undefined where the trace is not recorded. */
export const ifSampled = (traceparent: string | undefined): string | undefined =>
  placeIn(traceparent)?.isSampled === true ? traceparent : undefined;
