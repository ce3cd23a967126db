/**
 * Returns the names of the sources that the params of an `alert` metric accept, given as a name or a list; undefined:
 * all.
 */
export const believed = (source: unknown): string[] | undefined =>
  source === undefined || source === null ? undefined : [source].flat().map(String);
