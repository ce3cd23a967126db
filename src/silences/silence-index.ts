import { isWithin } from '../common/caller';
import type { SilenceWindow } from '../engine/types';
import { windowsOf, type Windows } from './schedule';
import { endOf, type Silence } from './silence';

/** Columns of a service that a silence goes by. */
export interface Silenceable {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly infrastructureId: string | null;
}

/** Tells whether a silence covers a service; the same as `COVERS` says in SQL. */
export function covers({ match, scopes }: Pick<Silence, 'match' | 'scopes'>, service: Silenceable): boolean {
  const { services, labels, infrastructures } = match;
  if (services !== undefined && !services.includes(service.id)) return false;
  if (labels !== undefined && !isWithin(service.labels, [labels])) return false;
  if (infrastructures !== undefined && !infrastructures.includes(service.infrastructureId ?? ''))
    return false;
  return isWithin(service.labels, scopes);
}

/** Silence in memory. */
export class Known {
  private readonly windows: Windows;
  private shown?: SilenceWindow;

  /** @throws RecurrenceError, RangeError for what another release or another zone table knows */
  constructor(readonly silence: Silence) {
    const window = { from: silence.startsAt.getTime(), until: endOf(silence) };
    this.windows = windowsOf(window, silence.schedule ?? undefined);
  }

  /** Returns the window that began last, if it ended after a moment. */
  at(now: number, endedAfter: number): SilenceWindow | undefined {
    const window = this.windows.last(now);
    if (window === undefined) return undefined;
    const cut = this.silence.cutAt?.getTime();
    const until = cut !== undefined && window.from < cut ? Math.min(window.until, cut) : window.until;
    if (until <= endedAfter || until <= window.from) return undefined;
    if (this.shown?.from !== window.from || this.shown.until !== until) {
      const { id, owner, reason, mutes, onEnd } = this.silence;
      this.shown = { id, owner, reason, mutes, onEnd, from: window.from, until };
    }
    return this.shown;
  }
}

/**
 * Index of silences. A silence stands under one thing that every service it covers has: its id, its infrastructure or
 * the rarest of its labels. What covers a service is worked out once for each version of it, and shared by services
 * that have the same of what silences ask for: a thousand silences of one label keep one list, not one for each
 * service.
 */
export class SilenceIndex {
  private readonly byKey = new Map<string, Known[]>();
  /** All that silences ask for. */
  private readonly asked = new Set<string>();
  private readonly lists = new Map<string, readonly Known[]>();
  private readonly found = new WeakMap<Silenceable, readonly Known[]>();
  private readonly known = new Map<string, Known>();
  /** Ids of silences that can't be read. */
  readonly broken: string[] = [];

  /** @param before index from which silences are taken that have not changed: a rule with a COUNT takes long to read */
  constructor(silences: readonly Silence[], before?: SilenceIndex) {
    for (const silence of silences) {
      const { id, version } = silence;
      const same = before?.known.get(id);
      try {
        this.known.set(id, same?.silence.version === version ? same : new Known(silence));
      } catch {
        this.broken.push(id);
      }
    }
    const counts = countsOf(silences);
    for (const known of this.known.values()) {
      for (const key of askedBy(known.silence)) this.asked.add(key);
      for (const key of keysOf(known.silence, counts)) {
        const others = this.byKey.get(key);
        if (others === undefined) this.byKey.set(key, [known]);
        else others.push(known);
      }
    }
  }

  /** Returns the windows that have begun at a moment and that ended after another; undefined where there is none. */
  of(service: Silenceable, now: number, endedAfter: number): SilenceWindow[] | undefined {
    if (this.byKey.size === 0) return undefined;
    let windows: SilenceWindow[] | undefined;
    for (const known of this.covering(service)) {
      const window = known.at(now, endedAfter);
      if (window !== undefined) (windows ??= []).push(window);
    }
    return windows;
  }

  private covering(service: Silenceable): readonly Known[] {
    let found = this.found.get(service);
    if (found !== undefined) return found;
    found = this.search(service);
    this.found.set(service, found);
    return found;
  }

  private search(service: Silenceable): readonly Known[] {
    const keys = this.askedOf(service);
    const shared = JSON.stringify(keys);
    let list = this.lists.get(shared);
    if (list === undefined) {
      const found = keys.flatMap((key): readonly Known[] => this.byKey.get(key) ?? NONE);
      list = [...new Set(found)].filter(({ silence }) => covers(silence, service));
      this.lists.set(shared, list);
    }
    return list;
  }

  /** Returns what the service has of all that silences ask for: two with the same are covered by the same. */
  private askedOf({ id, labels, infrastructureId }: Silenceable): string[] {
    const keys = Object.entries(labels)
      .sort(byName)
      .map(([label, value]) => labelKey(label, value));
    if (infrastructureId !== null) keys.push(infrastructureKey(infrastructureId));
    keys.push(serviceKey(id));
    return keys.filter((key) => this.asked.has(key));
  }
}

/** Returns all that a silence asks for, of services of which it may cover some. */
function askedBy({ match: { services, labels, infrastructures }, scopes }: Silence): string[] {
  return [
    ...(services ?? NONE).map(serviceKey),
    ...(infrastructures ?? NONE).map(infrastructureKey),
    ...[labels ?? {}, ...(scopes ?? NONE)].flatMap((asked) =>
      Object.entries(asked).map(([label, value]) => labelKey(label, value)),
    ),
  ];
}

/** Returns the keys of which each service has one that a silence covers. */
function keysOf(
  { match: { services, infrastructures, labels } }: Silence,
  counts: ReadonlyMap<string, number>,
): string[] {
  if (services !== undefined) return services.map(serviceKey);
  if (infrastructures !== undefined) return infrastructures.map(infrastructureKey);
  const keys = Object.entries(labels ?? {}).map(([label, value]) => labelKey(label, value));
  return keys.sort((one, other) => counts.get(one)! - counts.get(other)!).slice(0, 1);
}

/** Counts the silences that ask for each label. */
function countsOf(silences: readonly Silence[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { match } of silences) {
    for (const [label, value] of Object.entries(match.labels ?? {})) {
      const key = labelKey(label, value);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  return counts;
}

const serviceKey = (id: string): string => `id:${id}`;
const infrastructureKey = (id: string): string => `infrastructure:${id}`;
const labelKey = (label: string, value: string): string => `label:${JSON.stringify([label, value])}`;
const byName = ([one]: [string, string], [other]: [string, string]): number => (one < other ? -1 : 1);

const NONE: readonly never[] = [];
