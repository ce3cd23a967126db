import { firstSeries, groupOf, nextSeries, placeOf, PLACES } from './series';

test('metrics of a service are the places of one group', () => {
  const series: Record<string, number> = {};
  for (let n = 0; n < PLACES; n++) series[`metric_${n}`] = nextSeries(series) ?? firstSeries(7);
  expect(new Set(Object.values(series).map(groupOf))).toEqual(new Set([7]));
  expect(Object.values(series).map(placeOf)).toEqual(Array.from({ length: PLACES }, (_, n) => n + 1));
});

test('where a group is full the next metric begins a new one, and goes on there', () => {
  const series: Record<string, number> = { last: firstSeries(7) + PLACES - 1 };
  expect(nextSeries(series)).toBeUndefined();
  series.renamed = firstSeries(12);
  expect(nextSeries(series)).toBe(firstSeries(12) + 1);
});
