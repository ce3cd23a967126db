/** More are not remembered at a time. */
const MAX_KNOWN = 20_000;

/**
 * Equal values as one object: what thousands of definitions say alike takes memory once. For JSON values that nobody
 * changes.
 */
export class SharedValues {
  private readonly known = new Map<string, unknown>();

  /** A value that is equal. */
  of<T>(value: T): T {
    const text = JSON.stringify(value);
    const known = this.known.get(text);
    if (known !== undefined) return known as T;
    if (this.known.size >= MAX_KNOWN) this.known.clear();
    this.known.set(text, value);
    return value;
  }
}
