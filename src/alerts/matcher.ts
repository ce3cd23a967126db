import { expressionOf } from '../common/expressions';
import { isObject } from '../common/json';
import { RegexIndex } from './regex-index';

/** Labels that an `alert` metric asks for. */
export type Match = Readonly<Record<string, string | { regex: string }>>;

/** A metric of type `alert`, as the matcher knows it. */
export interface Subscription {
  service: string;
  /** Name of the service, for people. */
  serviceName?: string;
  metric: string;
  match: Match;
  ttlSeconds?: number;
  valuePath?: string;
  /** Names of the sources it accepts; undefined: all. */
  sources?: readonly string[];
}

interface Compiled {
  subscription: Subscription;
  tests: { label: string; fits: (value: string) => boolean }[];
}

/** A label and the value it must have. */
type Key = readonly [label: string, value: string];

/** Place of a metric in the index: under a value it asks for, else under a label's pattern, else among the others. */
interface Place {
  key: Key | undefined;
  patternOf: string | undefined;
  compiled: Compiled;
}

/**
 * Finds the `alert` metrics that an alert's labels fit; an absent label counts as empty, as in Prometheus. Candidates
 * are found by one label and then tested on all, so not every service is visited.
 */
export class Matcher {
  /** Metrics by label and value: label -> value -> those that ask for it. */
  private readonly byLabel = new Map<string, Map<string, Set<Compiled>>>();
  /** Metrics by label, of those that ask for a regular expression and for no value. */
  private readonly byPattern = new Map<string, RegexIndex<Compiled>>();
  /** Metrics that only ask for absent labels. */
  private readonly others = new Set<Compiled>();
  /** Services that sources may feed, by name of the source; other sources may feed all. */
  private confined: ReadonlyMap<string, ReadonlySet<string>> = new Map();
  /** Places of metrics, by service. */
  private readonly places = new Map<string, Place[]>();

  /** @param skipped called with a subscription that can't be used; the others are not affected */
  constructor(
    subscriptions: readonly Subscription[],
    private readonly skipped: (subscription: Subscription, error: unknown) => void = () => undefined,
  ) {
    this.add(subscriptions);
  }

  add(subscriptions: readonly Subscription[]): void {
    for (const subscription of subscriptions) {
      try {
        this.addOne(subscription);
      } catch (error) {
        this.skipped(subscription, error);
      }
    }
  }

  private addOne(subscription: Subscription): void {
    if (!isObject(subscription.match)) throw new Error('its match must be an object of labels');
    const entries = Object.entries(subscription.match);
    // Without a match only alerts that name the service feed it.
    if (entries.length === 0) return;
    const tests = entries.map(([label, wanted]) => ({ label, fits: testOf(wanted) }));
    const compiled = { subscription, tests };
    const key = this.rarestOf(entries);
    const pattern = key === undefined ? entries.find(isPattern) : undefined;
    if (pattern !== undefined) this.patternsOf(pattern[0]).add(pattern[1].regex, compiled);
    else (key === undefined ? this.others : this.bucket(key)).add(compiled);
    const place = { key, patternOf: pattern?.[0], compiled };
    const places = this.places.get(subscription.service);
    if (places === undefined) this.places.set(subscription.service, [place]);
    else places.push(place);
  }

  /** Removes the metrics of services. */
  remove(services: readonly string[]): void {
    for (const service of services) {
      for (const place of this.places.get(service) ?? []) this.take(place);
      this.places.delete(service);
    }
  }

  private take({ key, patternOf, compiled }: Place): void {
    if (patternOf !== undefined) return this.patternsOf(patternOf).remove(compiled);
    if (key === undefined) return void this.others.delete(compiled);
    const bucket = this.bucket(key);
    bucket.delete(compiled);
    if (bucket.size === 0) this.byLabel.get(key[0])?.delete(key[1]);
  }

  /**
   * Returns the label and value that fewest metrics are indexed under: many ask for the same alert name and few for the
   * same host.
   */
  private rarestOf(entries: readonly (readonly [string, Match[string]])[]): Key | undefined {
    // An empty text asks for a label that is not there, by which nothing is found.
    const keys = entries.filter((entry): entry is Key => typeof entry[1] === 'string' && entry[1] !== '');
    const sizeOf = ([label, value]: Key) => this.byLabel.get(label)?.get(value)?.size ?? 0;
    return keys.length === 0
      ? undefined
      : keys.reduce((rarest, key) => (sizeOf(key) < sizeOf(rarest) ? key : rarest));
  }

  private bucket([label, value]: Key): Set<Compiled> {
    const values = this.byLabel.get(label) ?? new Map<string, Set<Compiled>>();
    this.byLabel.set(label, values);
    const bucket = values.get(value) ?? new Set();
    values.set(value, bucket);
    return bucket;
  }

  /** Limits sources to the services they may feed. */
  confine(confined: ReadonlyMap<string, ReadonlySet<string>>): void {
    this.confined = confined;
  }

  private patternsOf(label: string): RegexIndex<Compiled> {
    const patterns = this.byPattern.get(label) ?? new RegexIndex<Compiled>();
    this.byPattern.set(label, patterns);
    return patterns;
  }

  /** Tells whether a metric asks for such an alert of this source. */
  asks(labels: Readonly<Record<string, string>>, source: string): boolean {
    return this.matches(labels, source).length > 0;
  }

  matches(labels: Readonly<Record<string, string>>, source: string): Subscription[] {
    const candidates = [...this.others];
    for (const [label, patterns] of this.byPattern)
      candidates.push(...patterns.fitting(textOf(labels, label)));
    for (const [label, value] of Object.entries(labels))
      candidates.push(...(this.byLabel.get(label)?.get(value) ?? []));
    const services = this.confined.get(source);
    const mayFeed = ({ subscription: { service, sources } }: Compiled) =>
      (services?.has(service) ?? true) && (sources?.includes(source) ?? true);
    return candidates
      .filter((one) => mayFeed(one) && this.fits(one, labels))
      .map(({ subscription }) => subscription);
  }

  private fits({ subscription, tests }: Compiled, labels: Readonly<Record<string, string>>): boolean {
    try {
      return tests.every(({ label, fits }) => fits(textOf(labels, label)));
    } catch (error) {
      this.skipped(subscription, error);
      return false;
    }
  }
}

const isPattern = (entry: readonly [string, Match[string]]): entry is [string, { regex: string }] =>
  typeof entry[1] !== 'string';

const textOf = (labels: Readonly<Record<string, string>>, label: string): string =>
  Object.hasOwn(labels, label) ? labels[label]! : '';

/** Returns a test of a label's value. Regular expressions are RE2's: matched in linear time, over the whole value. */
function testOf(wanted: string | { regex: string }): (value: string) => boolean {
  if (typeof wanted === 'string') return (value) => value === wanted;
  if (typeof (wanted as Partial<typeof wanted> | null)?.regex !== 'string')
    throw new Error('a label must be a text or {"regex": "…"}');
  const pattern = expressionOf(wanted.regex);
  return (value) => pattern.matches(value);
}
