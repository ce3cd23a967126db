import { RE2JS } from 're2js';

/** What an `alert` metric asks of an alert's labels. */
export type Match = Readonly<Record<string, string | { regex: string }>>;

/** An `alert` metric as the matcher knows it. */
export interface Subscription {
  service: string;
  metric: string;
  match: Match;
  ttlSeconds?: number;
  valuePath?: string;
}

interface Compiled {
  subscription: Subscription;
  tests: { label: string; fits: (value: string) => boolean }[];
}

/** Which `alert` metrics an alert's labels fit. Found by one label, then tested on all: no walk over every service. */
export class Matcher {
  /** label -> value -> the subscriptions that ask for it. */
  private readonly byLabel = new Map<string, Map<string, Compiled[]>>();
  /** Those that ask by regular expression alone. */
  private readonly others: Compiled[] = [];

  constructor(subscriptions: readonly Subscription[]) {
    for (const subscription of subscriptions) {
      const entries = Object.entries(subscription.match);
      // Without a match only alerts that name the service feed it.
      if (entries.length === 0) continue;
      const compiled = {
        subscription,
        tests: entries.map(([label, wanted]) => ({ label, fits: testOf(wanted) })),
      };
      const key = entries.findLast(([, wanted]) => typeof wanted === 'string') as
        [string, string] | undefined;
      if (key === undefined) this.others.push(compiled);
      else bucket(bucketMap(this.byLabel, key[0]), key[1]).push(compiled);
    }
  }

  /** Is there one that asks for such an alert? */
  asks(labels: Readonly<Record<string, string>>): boolean {
    return this.matches(labels).length > 0;
  }

  matches(labels: Readonly<Record<string, string>>): Subscription[] {
    const candidates = [...this.others];
    for (const [label, value] of Object.entries(labels))
      candidates.push(...(this.byLabel.get(label)?.get(value) ?? []));
    return candidates
      .filter(({ tests }) =>
        tests.every(({ label, fits }) => labels[label] !== undefined && fits(labels[label])),
      )
      .map(({ subscription }) => subscription);
  }
}

/** Regular expressions by RE2: matched in linear time, over the whole value. */
function testOf(wanted: string | { regex: string }): (value: string) => boolean {
  if (typeof wanted === 'string') return (value) => value === wanted;
  const pattern = RE2JS.compile(wanted.regex);
  return (value) => pattern.matches(value);
}

function bucketMap(map: Map<string, Map<string, Compiled[]>>, key: string): Map<string, Compiled[]> {
  const known = map.get(key) ?? new Map<string, Compiled[]>();
  map.set(key, known);
  return known;
}

function bucket(map: Map<string, Compiled[]>, key: string): Compiled[] {
  const known = map.get(key) ?? [];
  map.set(key, known);
  return known;
}
