import type { AlertValues } from '../alerts/alert-values';
import type { Samples, SeriesWindow } from '../history/samples';
import type { SampleWriter } from '../history/sample-writer';
import { Observer } from './observer';
import type { ServiceObservation } from './service-observation';

const AT = new Date('2024-05-01T10:00:00Z');
const SERIES = 100;

/** Of a service whose number is the sum of its readings of a minute: 8 was read now, `stored` is in the store. */
async function sumOf(stored: SeriesWindow | undefined, isWritten: boolean) {
  const samples = { windows: async () => new Map(stored && [[SERIES, stored]]) } as unknown as Samples;
  const writer = { write: async () => false } as unknown as SampleWriter;
  const observer = new Observer(samples, writer, {} as AlertValues, { now: () => AT });
  const windows = [{ metric: 'jobs', series: SERIES, window: { function: 'sum', seconds: 60 } }];
  const snapshot = { compiled: { windows, service: { intervalSeconds: 10 } } };
  const observation = {
    snapshot,
    at: AT,
    values: { jobs: 8 },
    errors: {},
    alerts: [],
  } as unknown as ServiceObservation;
  const [through] = await observer.throughWindows([observation], AT, isWritten);
  return through!.values.jobs;
}

const before = { values: [1, 2], firstAt: AT.getTime() - 20_000, lastAt: AT.getTime() - 10_000 };
const withThis = { values: [1, 2, 8], firstAt: AT.getTime() - 20_000, lastAt: AT.getTime() };

test('a window has the reading of its moment once, whether it is written, dropped or on its way', async () => {
  expect(await sumOf(withThis, true)).toBe(11);
  expect(await sumOf(before, false)).toBe(11);
  expect(await sumOf(undefined, false)).toBe(8);
  expect(await sumOf(withThis, false)).toBe(11);
});
