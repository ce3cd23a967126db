import type { ToldAlert } from '../engine/told-alert';

/** Largest number of alerts that an execution keeps; their full number is in `alertsTotal`. */
export const ALERTS_TOLD = 100;
const MAX_TOLD_CHARACTERS = 64_000;

/** Returns as many of the alerts, newest first, as an execution keeps. */
export function keptOf(told: readonly ToldAlert[]): readonly ToldAlert[] {
  let left = MAX_TOLD_CHARACTERS;
  return told.slice(0, ALERTS_TOLD).filter((alert) => (left -= JSON.stringify(alert).length) >= 0);
}
