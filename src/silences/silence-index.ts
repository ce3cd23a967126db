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
class Known {
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
 * one of its labels. What covers a service is worked out once for each version of it.
 */
export class SilenceIndex {
  private readonly byKey = new Map<string, Known[]>();
  private readonly found = new WeakMap<Silenceable, readonly Known[]>();
  /** Ids of silences that can't be read. */
  readonly broken: string[] = [];

  constructor(silences: readonly Silence[]) {
    for (const silence of silences) {
      try {
        const known = new Known(silence);
        for (const key of keysOf(silence)) {
          const others = this.byKey.get(key);
          if (others === undefined) this.byKey.set(key, [known]);
          else others.push(known);
        }
      } catch {
        this.broken.push(silence.id);
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
    this.found.set(service, found.length === 0 ? NONE : found);
    return found;
  }

  private search(service: Silenceable): readonly Known[] {
    const { id, labels, infrastructureId } = service;
    const found = new Set<Known>();
    const look = (key: string) => {
      for (const known of this.byKey.get(key) ?? NONE) if (covers(known.silence, service)) found.add(known);
    };
    look(`id:${id}`);
    if (infrastructureId !== null) look(`infrastructure:${infrastructureId}`);
    for (const label in labels) look(labelKey(label, labels[label]!));
    return [...found];
  }
}

function keysOf({ match: { services, infrastructures, labels } }: Silence): string[] {
  if (services !== undefined) return services.map((id) => `id:${id}`);
  if (infrastructures !== undefined) return infrastructures.map((id) => `infrastructure:${id}`);
  return Object.entries(labels ?? {})
    .slice(0, 1)
    .map(([label, value]) => labelKey(label, value));
}

const labelKey = (label: string, value: string): string => `label:${JSON.stringify([label, value])}`;

const NONE: readonly never[] = [];
