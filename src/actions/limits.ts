/**
 * How much may be done at once, and in an hour: which of the executions that are due may begin, and what the others
 * wait for. Pure.
 */

const HOUR_MS = 3_600_000;
/** A place becomes free when an execution ends, and the next is begun then; this is for the case that nobody saw it. */
const LOOK_AGAIN_MS = 30_000;

/** One that is due, with the limits that count for it. */
export interface Candidate {
  id: string;
  action: string;
  actionName: string;
  /** How many executions of the action may be in flight at once. */
  concurrency: number | null;
  /** Where its requests go to, and how many executions of any action may be in flight there. */
  target: string | null;
  targetConcurrency: number | null;
  service: string;
  serviceName: string;
  /** How many executions of the service may begin in an hour. */
  maxPerHour: number | null;
  /** It was begun before: another try of it is no other action. */
  hasBegun: boolean;
}

/** What is in flight, and what began in the last hour. `admit` adds what it admits. */
export interface Usage {
  ofAction: Map<string, number>;
  atTarget: Map<string, number>;
  /** Moments, newest first; no more than the limit asks for. */
  ofService: Map<string, number[]>;
  all: number[];
}

export type LimitName = 'action' | 'target' | 'service' | 'overall';

export interface Held {
  id: string;
  by: LimitName;
  /** A sentence for the person who asks why it waits. */
  why: string;
  /** When it is looked at again, ms since 1970. */
  until: number;
}

/**
 * @param candidates in the order in which they may begin
 * @param maxPerHour of all services together
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
