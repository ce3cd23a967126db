import { Logger } from '@nestjs/common';
import { activitiesSince, begin, watchEventLoop } from './event-loop';
import { registry } from './telemetry';

const spin = (ms: number): void => {
  const end = performance.now() + ms;
  while (performance.now() < end);
};
/** All the time that passes counts as spent by this process, or none, whatever else the machine does. */
const spending = (share: 0 | 1) =>
  jest.spyOn(process, 'cpuUsage').mockImplementation((since) => ({
    user: share * performance.now() * 1000 - (since?.user ?? 0),
    system: 0,
  }));
const turn = (ms = 30): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function delays(): Promise<Record<string, number>> {
  const { values } = await registry.getSingleMetric('monscale_event_loop_delay_seconds')!.get();
  return Object.fromEntries(values.map(({ labels, value }) => [labels.share, value]));
}

test('the delay is told by quantiles, of the time since it was asked for last', async () => {
  const stop = watchEventLoop();
  await turn();
  await delays();
  spin(900);
  await turn();
  expect((await delays())['1']).toBeGreaterThan(0.8);
  await turn(200);
  const { 0.5: median, 0.99: p99, 1: max } = await delays();
  expect(max).toBeLessThan(0.8);
  expect(median).toBeLessThanOrEqual(p99!);
  stop();
  expect(await delays()).toEqual({});
});

test.each([
  [1, /^the event loop was held up for \d\.\d s; under way were: /],
  [0, /^the event loop was held up for \d\.\d s, most of which this process did not run/],
] as const)('a turn of over a second is told (this process ran for %d of it)', async (share, sentence) => {
  const told: string[] = [];
  const cpuUsage = spending(share);
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
  cpuUsage.mockRestore();
  for (const end of ends.slice(1)) end();
  expect(told).toHaveLength(1);
  expect(told[0]).toMatch(sentence);
  const named = ['POST /api/v1/import', 'a job of polls (2)'].filter((what) => told[0]!.includes(what));
  expect(named).toHaveLength(share === 1 ? 2 : 0);
});

test('what ended before is not named', () => {
  begin('long ago')();
  spin(5);
  const since = performance.now();
  const end = begin('now');
  expect(activitiesSince(since)).toEqual(['now']);
  end();
});

test('the delays by which Node tells of its loop are the same', async () => {
  const stop = watchEventLoop();
  await turn();
  await registry.metrics();
  spin(300);
  await turn();
  const text = await registry.metrics();
  const of = (name: string) => Number(new RegExp(`^nodejs_eventloop_lag_${name} (\\S+)`, 'm').exec(text)![1]);
  expect(of('max_seconds')).toBeGreaterThan(0.25);
  expect(of('min_seconds')).toBeLessThanOrEqual(of('p50_seconds'));
  expect(of('seconds')).toBe(of('mean_seconds'));
  stop();
});

test('a turn after a quiet time is measured whole, though it is looked at seldom then', async () => {
  const stop = watchEventLoop();
  // Several looks at a loop with nothing to do.
  await turn(400);
  await delays();
  spin(300);
  await turn(150);
  expect((await delays())['1']).toBeGreaterThan(0.28);
  stop();
});
