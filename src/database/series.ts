/**
 * A metric's series is a number: which row its readings are kept in, and at which place of it. The metrics of a service
 * are read at the same moments, so they share rows: up to 100 series are a group, and a reading of all of them is one row.
 * A service whose metrics are renamed for ever begins a new group when one is full.
 */
export const PLACES = 100;

/** The rows a series is kept in. */
export const groupOf = (series: number): number => Math.floor(series / PLACES);

/** Where in those rows; the first place is 1, as in SQL. */
export const placeOf = (series: number): number => (series % PLACES) + 1;

/** The series after the last of a service; undefined where it needs a new group. */
export function nextSeries(series: Readonly<Record<string, number>>): number | undefined {
  const next = Math.max(-1, ...Object.values(series)) + 1;
  return next % PLACES === 0 ? undefined : next;
}

/** The first series of a new group. Groups are numbered upwards, so the last series of a service is in its newest. */
export const firstSeries = (group: number): number => group * PLACES;
