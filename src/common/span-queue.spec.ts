import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base';
import { BATCH_AT_MOST, SpanQueue, WAITING_AT_MOST } from './span-queue';
import { telemetry } from './telemetry';

type Answer = Parameters<SpanExporter['export']>[1];

/** An exporter that a story answers for. */
class Collector implements SpanExporter {
  readonly batches: number[] = [];
  readonly answers: Answer[] = [];

  export(spans: ReadableSpan[], answer: Answer): void {
    this.batches.push(spans.length);
    this.answers.push(answer);
  }

  shutdown(): Promise<void> {
    return Promise.resolve();
  }
}

const span = {} as ReadableSpan;
const settled = () => new Promise(setImmediate);

async function counted(): Promise<Record<string, number>> {
  const dropped = (await telemetry.spansDropped.get()).values;
  const sent = (await telemetry.spansSent.get()).values;
  return Object.fromEntries([
    ...dropped.map(({ labels, value }) => [labels.reason, value] as const),
    ['sent', sent[0]?.value ?? 0],
  ]);
}

describe('spans that wait for a collector', () => {
  let collector: Collector;
  let queue: SpanQueue;

  beforeEach(() => {
    telemetry.spansDropped.reset();
    telemetry.spansSent.reset();
    collector = new Collector();
    queue = new SpanQueue(collector, 50);
  });

  const end = (count: number) => Array.from({ length: count }, () => queue.onEnd(span));

  test('leave when a batch is full, one batch at a time', async () => {
    end(BATCH_AT_MOST - 1);
    expect(collector.batches).toEqual([]);
    end(1 + BATCH_AT_MOST);
    expect(collector.batches).toEqual([BATCH_AT_MOST]);
    collector.answers[0]!({ code: 0 });
    await settled();
    expect(collector.batches).toEqual([BATCH_AT_MOST, BATCH_AT_MOST]);
    collector.answers[1]!({ code: 0 });
    await settled();
    expect(await counted()).toMatchObject({ sent: 2 * BATCH_AT_MOST });
  });

  test('are no more than it holds: the rest is dropped and counted', async () => {
    end(BATCH_AT_MOST + WAITING_AT_MOST + 7);
    expect(await counted()).toMatchObject({ queue_full: 7 });
  });

  test('are dropped and counted where the collector does not take them, or the exporter throws', async () => {
    end(BATCH_AT_MOST);
    collector.answers[0]!({ code: 1, error: new Error('no') });
    await settled();
    expect(await counted()).toMatchObject({ not_sent: BATCH_AT_MOST, sent: 0 });
    collector.export = () => {
      throw new Error('broken');
    };
    end(BATCH_AT_MOST);
    await settled();
    expect(await counted()).toMatchObject({ not_sent: 2 * BATCH_AT_MOST });
  });

  test('are sent at the end, though no batch is full; later ones are dropped', async () => {
    end(3);
    const closed = queue.shutdown();
    expect(collector.batches).toEqual([3]);
    collector.answers[0]!({ code: 0 });
    await closed;
    end(2);
    expect(await counted()).toMatchObject({ sent: 3, closed: 2 });
  });

  test('do not hold up the end for longer than its deadline', async () => {
    end(BATCH_AT_MOST + 5);
    const began = performance.now();
    await queue.shutdown();
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(await counted()).toMatchObject({ closed: 5 });
  });
});
