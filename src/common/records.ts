/**
 * The same names with other values, whatever the names are. Key by key: `Object.fromEntries` of as many arrays takes
 * several times as long.
 */
export function mapValues<T, R>(
  record: Readonly<Record<string, T>>,
  change: (value: T, name: string) => R,
): Record<string, R> {
  const changed: Record<string, R> = {};
  for (const name of Object.keys(record)) put(changed, name, change(record[name]!, name));
  return changed;
}

/** The property that a record has by itself: one that every object inherits, as `toString`, is none of its names. */
export const own = <T>(record: Readonly<Record<string, T>> | undefined, name: string): T | undefined =>
  record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;

/** Sets a property of its own, whatever its name is: `__proto__` is a name like others. */
export function put<T>(record: Record<string, T>, name: string, value: T): void {
  if (name === '__proto__')
    Object.defineProperty(record, name, { value, enumerable: true, configurable: true, writable: true });
  else record[name] = value;
}
