/** Is the object below that one? */
export const isBelow = (root: string, oid: string): boolean => oid.startsWith(`${root}.`);

/** Does the object come after that one, in the order agents go by (RFC 3416, 4.2.2)? */
export function isAfter(before: string, oid: string): boolean {
  const [left, right] = [before, oid].map((one) => one.split('.').map(Number)) as [number[], number[]];
  const at = left.findIndex((number, index) => number !== right[index]);
  return at < 0 ? right.length > left.length : (right[at] ?? -1) > left[at]!;
}
