import { RE2Set } from 're2js';

/** Largest number of patterns in a set: a change compiles one set again, and a match runs all of them. */
const IN_A_SET = 1_000;

interface Entry<T> {
  pattern: string;
  item: T;
}

/** Patterns that are matched together; the set is compiled when it is first used. */
class Block<T> {
  readonly entries = new Set<Entry<T>>();
  private compiled?: { set: RE2Set; entries: Entry<T>[] };

  change(work: (entries: Set<Entry<T>>) => void): void {
    work(this.entries);
    this.compiled = undefined;
  }

  fitting(value: string): T[] {
    try {
      this.compiled ??= this.compile();
      const { set, entries } = this.compiled;
      return set.match(value).map((index) => entries[index]!.item);
    } catch {
      // Each may be asked by itself.
      return [...this.entries].map(({ item }) => item);
    }
  }

  private compile() {
    const set = new RE2Set(RE2Set.ANCHOR_BOTH);
    const entries = [...this.entries];
    for (const { pattern } of entries) set.add(pattern);
    set.compile();
    return { set, entries };
  }
}

/**
 * Finds the regular expressions that a value fits, all in one pass over the value: thousands matched one by one would
 * take as long for each alert as a thousand alerts.
 */
export class RegexIndex<T> {
  private readonly blocks: Block<T>[] = [];
  private readonly places = new Map<T, { block: Block<T>; entry: Entry<T> }>();

  add(pattern: string, item: T): void {
    const entry = { pattern, item };
    const block = this.blocks.find(({ entries }) => entries.size < IN_A_SET) ?? this.begin();
    block.change((entries) => entries.add(entry));
    this.places.set(item, { block, entry });
  }

  remove(item: T): void {
    const place = this.places.get(item);
    place?.block.change((entries) => entries.delete(place.entry));
    this.places.delete(item);
  }

  /**
   * Returns the items whose patterns fit the whole value; where a set can't be matched, all its items, which must be
   * tested singly.
   */
  fitting(value: string): T[] {
    return this.blocks.flatMap((block) => block.fitting(value));
  }

  private begin(): Block<T> {
    const block = new Block<T>();
    this.blocks.push(block);
    return block;
  }
}
