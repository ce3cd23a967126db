/**
 * Measurement of how long the event loop is blocked, and of which activities were under way: while it is, nothing else in
 * this process runs.
 */
import { createHistogram } from 'node:perf_hooks';
import { Logger } from '@nestjs/common';
import { telemetry, type LoopDelay } from './telemetry';

/** Pauses between two measurements, milliseconds: each wakes a process up that may have nothing else to do. */
const PAUSE_MS = { busy: 20, quiet: 100 };
/** Share of its time that a busy loop is active. */
const BUSY_LOOP_SHARE = 0.05;
const LONG_MS = 1_000;
const CPU_MS = 200;
/**
 * Share of a block that must be CPU time of this process; below it, the process was stopped or the machine was
 * overloaded.
 */
const BUSY_SHARE = 0.5;
const ENDED_KEPT = 50;
const NAMED_AT_MOST = 10;

interface Activity {
  what: string;
  begunAt: number;
  endedAt: number;
}

const underWay = new Set<Activity>();
/** Activities that ended last: whatever blocked the loop has often ended when the block is noticed. */
const ended: Activity[] = [];

/**
 * Records that an activity began, to be named if the loop is blocked.
 *
 * @returns function to call once, at its end
 */
export function begin(what: string): () => void {
  const activity = { what, begunAt: performance.now(), endedAt: Infinity };
  underWay.add(activity);
  return () => {
    activity.endedAt = performance.now();
    underWay.delete(activity);
    if (ended.push(activity) > ENDED_KEPT) ended.shift();
  };
}

/**
 * Returns the activities that were under way since that moment (by `performance.now()`), equal ones as one with a
 * count.
 */
export function activitiesSince(moment: number): string[] {
  const counts = new Map<string, number>();
  for (const { what, endedAt } of [...underWay, ...ended])
    if (endedAt >= moment) counts.set(what, (counts.get(what) ?? 0) + 1);
  return [...counts].map(([what, count]) => (count === 1 ? what : `${what} (${count})`));
}

/**
 * Starts to measure the delay for `GET /metrics`, and to warn when the loop is blocked for more than a second.
 *
 * @returns function that stops it
 */
export function watchEventLoop(): () => void {
  // Not `monitorEventLoopDelay`, which misses what begins with its reset.
  const delays = createHistogram();
  telemetry.onCollectLoopDelay(() => {
    const { count, min, max, mean, stddev } = delays;
    const [p50, p90, p99] = [50, 90, 99].map((share) => delays.percentile(share));
    const told = Object.entries({ min, max, mean, stddev, p50, p90, p99 });
    delays.reset();
    // Without a look yet the numbers are none.
    return Object.fromEntries(told.map(([part, us]) => [part, count === 0 ? 0 : us! / 1e6])) as LoopDelay;
  });
  const logger = new Logger('EventLoop');
  let pauseMs = PAUSE_MS.busy;
  let lookedAt = performance.now();
  let used = performance.eventLoopUtilization();
  let cpu = process.cpuUsage();
  let cpuAt = lookedAt;
  const look = (): void => {
    const now = performance.now();
    const { active, utilization } = performance.eventLoopUtilization(used);
    const heldMs = heldFor(now - lookedAt - pauseMs, pauseMs, active);
    const heldUs = Math.max(1, Math.round(heldMs * 1000));
    // Each stands for as much time as any other.
    for (let ms = 0; ms < pauseMs; ms += PAUSE_MS.busy) delays.record(heldUs);
    if (heldMs > LONG_MS) {
      const { user, system } = process.cpuUsage(cpu);
      logger.warn(sentence(heldMs, lookedAt, (user + system) / 1000));
    }
    if (heldMs > LONG_MS || now - cpuAt > CPU_MS) {
      cpu = process.cpuUsage();
      cpuAt = now;
    }
    lookedAt = now;
    used = performance.eventLoopUtilization();
    pauseMs = utilization < BUSY_LOOP_SHARE ? PAUSE_MS.quiet : PAUSE_MS.busy;
    timer = setTimeout(look, pauseMs).unref();
  };
  let timer = setTimeout(look, pauseMs).unref();
  return () => {
    clearTimeout(timer);
    telemetry.onCollectLoopDelay(undefined);
  };
}

/**
 * Returns how long the loop was blocked before a look that came late: at most as long as it was active, and since the
 * look before.
 */
function heldFor(lateMs: number, pauseMs: number, activeMs: number): number {
  if (lateMs < PAUSE_MS.busy) return Math.max(0, lateMs);
  return Math.max(lateMs, Math.min(lateMs + pauseMs, activeMs));
}

function sentence(heldMs: number, since: number, cpuMs: number): string {
  const held = `the event loop was held up for ${(heldMs / 1000).toFixed(1)} s`;
  if (cpuMs < heldMs * BUSY_SHARE)
    return `${held}, most of which this process did not run: it was stopped, or the machine is overloaded`;
  const all = activitiesSince(since);
  const more = all.length > NAMED_AT_MOST ? ` and ${all.length - NAMED_AT_MOST} others` : '';
  return `${held}; under way were: ${all.slice(0, NAMED_AT_MOST).join(', ') || 'nothing that is known'}${more}`;
}
