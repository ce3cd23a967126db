import { Logger } from '@nestjs/common';
import { activitiesSince, begin, watchEventLoop } from './event-loop';
import { registry } from './telemetry';

const spin = (ms: number): void => {
  const end = performance.now() + ms;
  while (performance.now() < end);
};
const turn = (ms = 30): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function delays(): Promise<Record<string, number>> {
  const { values } = await registry.getSingleMetric('monscale_event_loop_delay_seconds')!.get();
  return Object.fromEntries(values.map(({ labels, value }) => [labels.quantile, value]));
}

test('the delay is told by quantiles, of the time since it was asked for last', async () => {
  const stop = watchEventLoop();
  await turn();
  await delays();
  spin(300);
  await turn();
  expect((await delays())['1']).toBeGreaterThan(0.25);
  await turn(200);
  const { 0.5: median, 0.99: p99, 1: max } = await delays();
  expect(max).toBeLessThan(0.25);
  expect(median).toBeLessThanOrEqual(p99!);
  stop();
  expect(await delays()).toEqual({});
});

test('a turn of over a second is told, with what was under way', async () => {
  const told: string[] = [];
  const warn = jest
    .spyOn(Logger.prototype, 'warn')
    .mockImplementation((text: string) => void told.push(text));
  const stop = watchEventLoop();
  await turn(20);
  const ends = [begin('POST /api/v1/import'), begin('a job of polls'), begin('a job of polls')];
  spin(1_700);
  ends[0]!();
  await turn(600);
  stop();
  warn.mockRestore();
  for (const end of ends.slice(1)) end();
  expect(told).toHaveLength(1);
  expect(told[0]).toMatch(/^the event loop was held up for 1\.\d s; under way were: /);
  expect(told[0]).toContain('POST /api/v1/import');
  expect(told[0]).toContain('a job of polls (2)');
});

test('what ended before is not named', () => {
  begin('long ago')();
  spin(5);
  const since = performance.now();
  const end = begin('now');
  expect(activitiesSince(since)).toEqual(['now']);
  end();
});
