/** Largest number of values that are remembered. */
const MAX_KNOWN = 20_000;

/**
 * Cache that returns one object for equal JSON values, so that what thousands of definitions have in common takes
 * memory once. The values must not be changed.
 */
export class SharedValues {
  private readonly known = new Map<string, unknown>();

  /** Returns a value equal to the given one, the same object each time. */
  of<T>(value: T): T {
    const text = JSON.stringify(value);
    const known = this.known.get(text);
    if (known !== undefined) return known as T;
    if (this.known.size >= MAX_KNOWN) this.known.clear();
    this.known.set(text, value);
    return value;
  }
}
