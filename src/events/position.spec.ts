import fc from 'fast-check';
import {
  inOrder,
  isTold,
  positionIn,
  positionsAfter,
  snapshotIn,
  textOf,
  type Placed,
  type Position,
} from './position';

const at = (text: string): Position => ({ database: 'db1', at: 1_765_600_000, seen: snapshotIn(text) });

/** A story: transactions begin in the order of their numbers, end in any order, and are looked at now and then. */
const stories = fc
  .array(fc.record({ changes: fc.integer({ min: 0, max: 3 }), lasts: fc.nat(20) }), { minLength: 1, maxLength: 30 })
  .chain((transactions) =>
    fc.record({
      transactions: fc.constant(transactions),
      looks: fc.array(fc.nat(60), { minLength: 1, maxLength: 6 }),
      leaves: fc.nat(200),
    }),
  ); // prettier-ignore

interface Transaction {
  changes: number;
  lasts: number;
}

/** What PostgreSQL would answer at a moment: transaction n begins at moment n. */
function look(transactions: readonly Transaction[], moment: number): { position: Position; all: Placed[] } {
  const begun = transactions.slice(0, moment);
  const isOpen = ({ lasts }: Transaction, n: number) => n + 1 + lasts > moment;
  const open = begun.flatMap((one, n) => (isOpen(one, n) ? [BigInt(n + 1)] : []));
  const all = begun.flatMap((one, n) =>
    isOpen(one, n) ? [] : Array.from({ length: one.changes }, (_, key) => ({ transaction: BigInt(n + 1), key: `0${key}` })),
  ); // prettier-ignore
  return { position: { database: 'db1', at: moment, seen: { end: BigInt(begun.length + 1), open } }, all };
}

test('whatever overlaps, and wherever a reader leaves and comes back, each change is told once', () => {
  fc.assert(
    fc.property(stories, ({ transactions, looks, leaves }) => {
      const moments = [...looks.sort((a, b) => a - b), 60];
      let reader = look(transactions, 0).position;
      const told: Placed[] = [];
      for (const moment of moments) {
        // Comes back with the id it has, to another process.
        const known = positionIn(textOf(reader))!;
        const { position, all } = look(transactions, moment);
        const news = inOrder(all.filter((one) => !isTold(known, one)), known); // prettier-ignore
        const ids = positionsAfter(news, known, position);
        const takes = moment === 60 ? news.length : leaves % (news.length + 1);
        told.push(...news.slice(0, takes));
        if (takes > 0) reader = ids[takes - 1]!;
      }
      const everything = look(transactions, 60).all;
      const textsOf = (some: Placed[]) => some.map(({ transaction, key }) => `${transaction} ${key}`).sort();
      expect(textsOf(told)).toEqual(textsOf(everything));
    }),
  );
});

test('a position is its text', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 200n, max: 2n ** 63n }),
      fc.uniqueArray(fc.bigInt({ min: 1n, max: 199n }), { maxLength: 100 }),
      (end, gaps) => {
        const position: Position = { ...at('3:3:'), seen: { end, open: gaps.map((gap) => end - gap) } };
        expect(positionIn(textOf(position))).toEqual(position);
      },
    ),
  );
});

test('the ids of one look are all different', () => {
  const news: Placed[] = [
    { transaction: 11n, key: '0a' },
    { transaction: 11n, key: '0b' },
    { transaction: 12n, key: '0a' },
    { transaction: 15n, key: '0a' },
  ];
  const ids = positionsAfter(news, at('10:12:11'), at('13:16:13')).map(textOf);
  expect(new Set(ids).size).toBe(news.length);
});

test('with very many open transactions an id stays short, and tells some changes twice rather than none', () => {
  const open = Array.from({ length: 5_000 }, (_, n) => BigInt(1_000 + 2 * n));
  const id = textOf({ ...at('3:3:'), seen: { end: 20_000n, open } });
  expect(id.length).toBeLessThan(100);
  const { seen } = positionIn(id)!;
  expect(seen).toEqual({ end: 1_000n, open: [] });
});

// prettier-ignore
test.each([
  '', '7', 'abc', 'db-1', 'db-1-', 'db-1-10.', 'db-1-10.zz', 'db-1-10!', 'db-1-10!5', "db-1-10'; DROP TABLE services",
  'db-1-zzzzzzzzzzzzz', '__proto__', 'db-1-10!5!../..', 'db-1-10!5!é', `db-1-10${'.1'.repeat(101)}`, 'x'.repeat(100_000), 'db-1-10\n',
])('%p is no position', (text) => {
  expect(positionIn(text)).toBeUndefined();
});
