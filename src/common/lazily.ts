/** Returns a function that makes a value when it is first called, and returns that value ever after. */
export function lazily<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
