import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Span,
  type SpanContext,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import type { TracingConfig } from '../config/config';
import { SpanQueue } from './span-queue';
import { placeIn, traceparentOf } from './traceparent';
import type { OpenSpan, SpanFacts, SpanOptions, Tracer } from './tracing';
import { VERSION } from './version';

/** The tracer that tells a collector by OTLP over HTTP, in JSON. Loaded only where tracing is on. */

/** Bounds of a span: texts in characters, and numbers of facts and links. */
const LIMITS = { attributeValueLengthLimit: 200, attributeCountLimit: 32, linkCountLimit: 32 };

const KINDS = { client: SpanKind.CLIENT, server: SpanKind.SERVER, consumer: SpanKind.CONSUMER };

/**
 * Returns a tracer. Sampler, headers, timeout and compression are read from the environment by OpenTelemetry's own
 * packages, as its standard has them; the configuration has checked them.
 *
 * @param facts of this process
 */
export function otlpTracer({ url, serviceName }: TracingConfig, facts: SpanFacts): Tracer {
  // One batch is on its way at a time: more would only wait beside it.
  const queue = new SpanQueue(new OTLPTraceExporter({ url, concurrencyLimit: 1 }));
  const ours = { 'service.name': serviceName, 'service.version': VERSION, ...facts };
  const provider = new BasicTracerProvider({
    resource: defaultResource()
      .merge(detectResources({ detectors: [envDetector] }))
      .merge(resourceFromAttributes(ours)),
    spanLimits: LIMITS,
    spanProcessors: [queue],
  });
  const tracer = provider.getTracer('monscale', VERSION);
  return {
    start(name: string, { kind, parent, links = [], facts: attributes, beganAt }: SpanOptions): OpenSpan {
      const from = contextIn(parent);
      const context = from === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, from);
      const linked = links.flatMap((one) => contextIn(one) ?? []).map((one) => ({ context: one }));
      const options = {
        kind: kind && KINDS[kind],
        attributes,
        links: linked.slice(0, LIMITS.linkCountLimit),
        startTime: beganAt,
      };
      return new Open(tracer.startSpan(name, options, context));
    },
    close: () => queue.shutdown(),
  };
}

function contextIn(traceparent: unknown): SpanContext | undefined {
  const place = placeIn(traceparent);
  if (place === undefined) return undefined;
  const { traceId, spanId, isSampled } = place;
  return { traceId, spanId, traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE, isRemote: true };
}

class Open implements OpenSpan {
  readonly traceparent: string;

  constructor(private readonly span: Span) {
    const { traceId, spanId, traceFlags } = span.spanContext();
    const isSampled = (traceFlags & TraceFlags.SAMPLED) !== 0;
    this.traceparent = traceparentOf({ traceId, spanId, isSampled });
  }

  add(facts: SpanFacts): void {
    for (const [name, value] of Object.entries(facts))
      if (value !== undefined) this.span.setAttribute(name, value);
  }

  fail(why: string): void {
    this.span.setStatus({ code: SpanStatusCode.ERROR, message: why });
  }

  end(): void {
    this.span.end();
  }
}
