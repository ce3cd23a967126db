/** What a record has under a name by itself: one that every object inherits, as `toString`, is no metric of it. */
export const own = <T>(record: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;
