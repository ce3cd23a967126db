/**
 * A place in the order of what is told: which transactions of PostgreSQL a reader has seen. It is exact, however
 * transactions overlap: those that were still open when others were read are told once they are committed.
 */

/** Transactions that were committed or rolled back at a moment: those below `end` but for the `open` ones. */
export interface Snapshot {
  end: bigint;
  open: readonly bigint[];
}

export interface Position {
  /** Database that the transactions are of. */
  database: string;
  /** Moment at which it was read, seconds since 1970. */
  at: number;
  seen: Snapshot;
  /** Transaction of which the changes up to a key were told; it counts as open. */
  within?: { transaction: bigint; key: string };
}

/** Change, as far as its place in the order goes. */
export interface Placed {
  transaction: bigint;
  /** Orders the changes of one transaction. */
  key: string;
}

/** Number of open transactions that an id names; beyond it some changes are told twice. */
const OPEN_AT_MOST = 100;
/** Most characters of an id: those of 101 transactions, and the rest. */
const TEXT_AT_MOST = 2_000;
const TEXT =
  /^([0-9a-z]{1,12})-([0-9a-z]{1,9})-([0-9a-z]{1,13})((?:\.[0-9a-z]{1,13})*)(?:!([0-9a-z]{1,13})!([\w-]{1,50}))?$/;
const XID_AT_MOST = 2n ** 64n - 1n;

/** Reads a snapshot as PostgreSQL writes it: `100:104:100,102`. */
export function snapshotIn(text: string): Snapshot {
  const [, end, open = ''] = text.split(':');
  return { end: BigInt(end!), open: open === '' ? [] : open.split(',').map(BigInt) };
}

/** Tells whether a transaction had ended at a snapshot. */
export const isSeen = ({ end, open }: Snapshot, transaction: bigint): boolean =>
  transaction < end && !open.includes(transaction);

/** Tells whether a change was told to whoever is at a position. */
export function isTold({ seen, within }: Position, { transaction, key }: Placed): boolean {
  if (transaction === within?.transaction) return key <= within.key;
  return isSeen(seen, transaction);
}

/** Returns the one of two positions, both read from one server, that has seen less. */
export function older(one: Position, other: Position): Position {
  if (one.seen.end !== other.seen.end) return one.seen.end < other.seen.end ? one : other;
  return one.seen.open.length > other.seen.open.length ? one : other;
}

/** Returns changes in the order in which they are told: the rest of a transaction that was told in part comes first. */
export const inOrder = <C extends Placed>(changes: readonly C[], { within }: Position): C[] =>
  [...changes].sort((one, other) => {
    if (one.transaction === other.transaction) return one.key < other.key ? -1 : 1;
    if (one.transaction === within?.transaction) return -1;
    if (other.transaction === within?.transaction) return 1;
    return one.transaction < other.transaction ? -1 : 1;
  });

/**
 * Returns the positions after each of some changes.
 *
 * @param changes everything between two positions, in order
 */
export function positionsAfter(changes: readonly Placed[], from: Position, to: Position): Position[] {
  const { within } = from;
  const rest = changes.filter(({ transaction }) => transaction === within?.transaction);
  const open = from.seen.open.filter((one) => one !== within?.transaction);
  const after = { ...to, seen: { end: from.seen.end, open } };
  const positions = [
    ...rest.map(({ transaction, key }, index) =>
      index + 1 < rest.length ? { ...to, seen: from.seen, within: { transaction, key } } : after,
    ),
    ...wholesAfter(changes.slice(rest.length), after.seen, to),
  ];
  return changes.length === 0 ? [] : [...positions.slice(0, -1), to];
}

/** Returns the positions after changes of transactions of which nothing was told before. */
function wholesAfter(changes: readonly Placed[], from: Snapshot, to: Position): Position[] {
  const stillOpen = new Set(to.seen.open);
  return changes.map(({ transaction, key }, index) => {
    const isPart = changes[index + 1]?.transaction === transaction;
    const end = transaction < from.end ? from.end : transaction + 1n;
    const open = [
      ...from.open.filter((one) => one > transaction || stillOpen.has(one)),
      ...to.seen.open.filter((one) => one >= from.end && one < end),
      ...(isPart ? [transaction] : []),
    ];
    return { ...to, seen: { end, open }, ...(isPart ? { within: { transaction, key } } : {}) };
  });
}

/** Returns a position as the id of an event. */
export function textOf({ database, at, seen, within }: Position): string {
  const { end, open } = seen.open.length <= OPEN_AT_MOST ? seen : { end: least(seen.open), open: [] };
  const gaps = open.map((one) => `.${(end - one).toString(36)}`).join('');
  const head = `${database}-${at.toString(36)}-${end.toString(36)}${gaps}`;
  return within === undefined || open.length === 0
    ? head
    : `${head}!${within.transaction.toString(36)}!${within.key}`;
}

const least = (some: readonly bigint[]): bigint => some.reduce((one, other) => (other < one ? other : one));

/** Reads the id of an event; undefined for what is none. */
export function positionIn(text: string): Position | undefined {
  if (text.length > TEXT_AT_MOST) return undefined;
  const [, database, at, endText, gaps = '', transaction, key] = TEXT.exec(text) ?? [];
  if (database === undefined) return undefined;
  const end = numberIn(endText!);
  const open = gaps.split('.').slice(1).map((gap) => end - numberIn(gap)); // prettier-ignore
  if (end > XID_AT_MOST || open.length > OPEN_AT_MOST || open.some((one) => one < 0n || one >= end))
    return undefined;
  const within =
    transaction === undefined ? {} : { within: { transaction: numberIn(transaction), key: key! } };
  return { database, at: Number.parseInt(at!, 36), seen: { end, open }, ...within };
}

const numberIn = (text: string): bigint =>
  [...text].reduce((sum, digit) => sum * 36n + BigInt(Number.parseInt(digit, 36)), 0n);
