/** The sources that the params of a metric of type `alert` believe: a name or a list of names; undefined: all. */
export const believed = (source: unknown): string[] | undefined =>
  source === undefined || source === null ? undefined : [source].flat().map(String);
