import type { Load, Processes } from '../src/cli/sizing';

/** Load of which nothing is asked, to begin from. */
export const NOTHING: Load = {
  services: 0,
  intervalSeconds: 60,
  metrics: 1,
  perTarget: 10,
  alerts: 0,
  batch: 1,
  newShare: 1,
  decidedShare: 0,
  traps: 0,
  changes: 0,
  executions: 0,
  samplesDays: 14,
  fiveMinutesDays: 90,
  hoursDays: 730,
  historyDays: 90,
};

/** One process of each workload. */
export const ONE_EACH: Processes = {
  api: 1,
  scheduler: 1,
  'worker-polls': 1,
  'worker-alerts-actions': 1,
  trap: 1,
};
