/**
 * Number of series in a group. A series is the number under which a metric's readings are kept: it gives the rows (its
 * group) and the place in them. Metrics of a service are read at the same moments, so they share a group, and one
 * reading of all of them is one row. When a group is full, the service begins a new one.
 */
export const PLACES = 100;

/** Returns the group of a series. */
export const groupOf = (series: number): number => Math.floor(series / PLACES);

/** Returns the place of a series in the rows of its group; the first place is 1, as in SQL. */
export const placeOf = (series: number): number => (series % PLACES) + 1;

/** Returns the series after the last one of a service; undefined when that needs a new group. */
export function nextSeries(series: Readonly<Record<string, number>>): number | undefined {
  const next = Math.max(-1, ...Object.values(series)) + 1;
  return next % PLACES === 0 ? undefined : next;
}

/**
 * Returns the first series of a group. Groups are numbered upwards, so the last series of a service is in its newest
 * group.
 */
export const firstSeries = (group: number): number => group * PLACES;
