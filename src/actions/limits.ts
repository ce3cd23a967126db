/**
 * Decision on which due executions may begin under the limits of executions in flight and per hour, and what the others
 * wait for. Pure.
 */

const HOUR_MS = 3_600_000;
/**
 * Time until a held execution is looked at again, milliseconds. Usually the end of another execution releases it
 * earlier.
 */
const LOOK_AGAIN_MS = 30_000;

/** Due execution, with the limits that apply to it. */
export interface Candidate {
  id: string;
  action: string;
  actionName: string;
  /** Largest number of executions of the action in flight. */
  concurrency: number | null;
  /**
   * Host its requests go to; `targetConcurrency` is the largest number of executions, of any action, in flight there.
   */
  target: string | null;
  targetConcurrency: number | null;
  service: string;
  serviceName: string;
  /** Largest number of executions of the service that may begin in an hour. */
  maxPerHour: number | null;
  /**
   * True where it does not count towards the hourly limits: it has begun before, or tells a contact, which has a limit
   * of its own.
   */
  hasBegun: boolean;
}

/** Executions in flight, and those begun in the last hour. `admit` adds what it admits. */
export interface Usage {
  ofAction: Map<string, number>;
  atTarget: Map<string, number>;
  /** Moments at which executions began, newest first, ms since 1970; no more than the limit needs. */
  ofService: Map<string, number[]>;
  all: number[];
}

export type LimitName = 'action' | 'target' | 'service' | 'overall';

export interface Held {
  id: string;
  by: LimitName;
  /** Sentence for the person who asks why it waits. */
  why: string;
  /** Moment at which it is looked at again, ms since 1970. */
  until: number;
}

/**
 * Decides which executions may begin, and which are held.
 *
 * @param candidates in the order in which they may begin
 * @param maxPerHour limit of all services together
 * @param now ms since 1970
 */
export function admit(
  candidates: readonly Candidate[],
  usage: Usage,
  maxPerHour: number | undefined,
  now: number,
): { admitted: string[]; held: Held[] } {
  const admitted: string[] = [];
  const held: Held[] = [];
  for (const candidate of candidates) {
    const stop = stopOf(candidate, usage, maxPerHour, now);
    if (stop !== undefined) {
      held.push({ id: candidate.id, ...stop });
      continue;
    }
    admitted.push(candidate.id);
    begin(candidate, usage, now);
  }
  return { admitted, held };
}

function stopOf(
  one: Candidate,
  { ofAction, atTarget, ofService, all }: Usage,
  maxPerHour: number | undefined,
  now: number,
): Omit<Held, 'id'> | undefined {
  const { concurrency, target, targetConcurrency } = one;
  if (concurrency !== null && (ofAction.get(one.action) ?? 0) >= concurrency) {
    const why = `${concurrency} of ${concurrency} executions of ${one.actionName} are in flight`;
    return { by: 'action', why, until: now + LOOK_AGAIN_MS };
  }
  if (target !== null && targetConcurrency !== null && (atTarget.get(target) ?? 0) >= targetConcurrency) {
    const why = `${targetConcurrency} of ${targetConcurrency} executions at ${target} are in flight`;
    return { by: 'target', why, until: now + LOOK_AGAIN_MS };
  }
  if (one.hasBegun) return undefined;
  const begun = ofService.get(one.service) ?? [];
  if (one.maxPerHour !== null && begun.length >= one.maxPerHour) {
    const until = begun[one.maxPerHour - 1]! + HOUR_MS;
    const why = `${one.maxPerHour} of ${one.maxPerHour} actions of ${one.serviceName} began in the last hour`;
    return { by: 'service', why: `${why}; the next may at ${clock(until)}`, until };
  }
  if (maxPerHour !== undefined && all.length >= maxPerHour) {
    const until = all[maxPerHour - 1]! + HOUR_MS;
    const why = `${maxPerHour} of ${maxPerHour} actions of all services began in the last hour`;
    return { by: 'overall', why: `${why}; the next may at ${clock(until)}`, until };
  }
  return undefined;
}

function begin({ action, target, service, hasBegun }: Candidate, usage: Usage, now: number): void {
  usage.ofAction.set(action, (usage.ofAction.get(action) ?? 0) + 1);
  if (target !== null) usage.atTarget.set(target, (usage.atTarget.get(target) ?? 0) + 1);
  if (hasBegun) return;
  usage.ofService.set(service, [now, ...(usage.ofService.get(service) ?? [])]);
  usage.all.unshift(now);
}

const clock = (at: number): string => `${new Date(at).toISOString().slice(11, 19)}Z`;
