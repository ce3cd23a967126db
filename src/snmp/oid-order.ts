/** Tells whether an object is below another. */
export const isBelow = (root: string, oid: string): boolean => oid.startsWith(`${root}.`);

/** Tells whether an object comes after another in the order of agents (RFC 3416, 4.2.2). */
export function isAfter(before: string, oid: string): boolean {
  const [left, right] = [before, oid].map((one) => one.split('.').map(Number)) as [number[], number[]];
  const at = left.findIndex((number, index) => number !== right[index]);
  return at < 0 ? right.length > left.length : (right[at] ?? -1) > left[at]!;
}
