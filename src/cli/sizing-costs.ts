/**
 * What each thing costs, as it was measured: `npm run bench scaling -- --fit` finds these numbers, `--report` holds them against
 * loads on which none was fitted. 2 cores (AMD EPYC), PostgreSQL 15, Redis 7, Node 20; December 2026, a quiet machine.
 */

/** What runs by itself, as the manifests for Kubernetes have it: `worker-polls` serves the queue `polls`, the other worker the others. */
export const WORKLOADS = ['api', 'scheduler', 'worker-polls', 'worker-alerts-actions', 'trap'] as const;
export type Workload = (typeof WORKLOADS)[number];
export const PARTS = [...WORKLOADS, 'postgresql', 'redis'] as const;
export type Part = (typeof PARTS)[number];

export interface Cost {
  /** What one of it is. */
  of: string;
  /** Microseconds of processor time, of each part that has any. */
  micros: Partial<Record<Part, number>>;
  /** Bytes of PostgreSQL's log. */
  wal?: number;
  /** Loads by which it was told from the others. */
  measured: string;
}

/**
 * Seconds in which all that comes shares one commit, and what is done before and after it: of requests as they are taken, of
 * notifications, and of changes of phase and executions. The fit is best at these.
 */
export const COMMIT_SECONDS = { requests: 0.02, traps: 0.005, decided: 0.005 };

export type Driver =
  | Workload
  | 'services'
  | 'polls'
  | 'questions'
  | 'values'
  | 'pollChanges'
  | 'steps'
  | 'stepReadings'
  | 'stepValues'
  | 'stepHours'
  | 'requests'
  | 'requestCommits'
  | 'mixedCommits'
  | 'alerts'
  | 'newAlerts'
  | 'traps'
  | 'trapCommits'
  | 'decided'
  | 'decidedCommits'
  | 'executions'
  | 'executionCommits';

export const COSTS: Readonly<Record<Driver, Cost>> = {
  api: {
    of: 'a process, a second',
    micros: { api: 7_250, postgresql: 6_580, redis: 779 },
    wal: 464,
    measured: 'idle, one of each and three of each',
  },
  scheduler: {
    of: 'a process, a second',
    micros: { scheduler: 13_800 },
    measured: 'idle, one of each and three of each',
  },
  'worker-polls': {
    of: 'a process, a second',
    micros: { 'worker-polls': 9_430, redis: 233 },
    measured: 'idle, one of each and three of each; polls by 1 and by 4',
  },
  'worker-alerts-actions': {
    of: 'a process, a second',
    micros: { 'worker-alerts-actions': 9_470, postgresql: 580 },
    wal: 86,
    measured: 'idle, one of each and three of each',
  },
  trap: {
    of: 'a process, a second',
    micros: { trap: 10_300, postgresql: 1_850 },
    measured: 'idle',
  },
  services: {
    of: 'a polled service, a second',
    micros: { postgresql: 0.065 },
    measured: '1,000 to 100,000 services',
  },
  polls: {
    of: 'a poll of a service',
    micros: { 'worker-polls': 9.45, postgresql: 6.91, redis: 1.24 },
    wal: 143,
    measured: '10,000 services at 10 s, 100,000 at 60 s',
  },
  questions: {
    of: 'a datagram to a target and its answer',
    micros: { 'worker-polls': 37.3 },
    measured: '10,000 services at 10 s, one and ten on a target',
  },
  values: {
    of: 'a value of a poll',
    micros: { 'worker-polls': 1.89, postgresql: 0.074, redis: 0.02 },
    wal: 8.42,
    measured: '1,000 services of 20 at 1 s beside 10,000 of one at 10 s',
  },
  pollChanges: {
    of: 'a change of phase by a poll',
    micros: { 'worker-polls': 1_180, postgresql: 243, redis: 21.4 },
    wal: 2_150,
    measured: '20,000 services at 20 s, 33 changes a second',
  },
  steps: {
    of: 'a step of 5 minutes of a service, and its share of an hour',
    micros: { scheduler: 2.3, postgresql: 8.3 },
    wal: 215,
    measured: 'roll-ups of 5,000 and 20,000 services',
  },
  stepReadings: {
    of: 'a reading that is rolled up',
    micros: { scheduler: 0.053, postgresql: 0.826 },
    measured: 'the same, 20,000 services at 10 s and at 60 s',
  },
  stepHours: {
    of: 'a step of an hour of a service',
    micros: { scheduler: 3.78, postgresql: 25.6 },
    wal: 256,
    measured: 'reckoned: a step of twelve readings',
  },
  stepValues: {
    of: 'a value that is rolled up',
    micros: { scheduler: 0.07, postgresql: 0.614 },
    wal: 3.45,
    measured: 'the same, 1 and 10 metrics',
  },
  requests: {
    of: 'a request with alerts',
    micros: { api: 26, postgresql: 17.2 },
    measured: '1,000/s of one alert beside 10,000/s by the hundred',
  },
  requestCommits: {
    of: 'a commit of requests, which may share it',
    micros: { api: 2_890, postgresql: 1_160, redis: 16.9 },
    wal: 431,
    measured: '50/s and 1,000/s of one alert',
  },
  mixedCommits: {
    of: 'such a commit of new alerts and of others, besides',
    micros: { postgresql: 866 },
    measured: '3,000/s by tens, 20 % new',
  },
  alerts: {
    of: 'an alert, whether new or not',
    micros: { api: 12, postgresql: 12.4 },
    wal: 169,
    measured: '10,000/s by the hundred, seen again',
  },
  newAlerts: {
    of: 'an alert that is new, besides',
    micros: { api: 0.54, postgresql: 0.155 },
    wal: 649,
    measured: '10,000/s by the hundred, new',
  },
  traps: {
    of: 'an SNMP notification',
    micros: { trap: 6.74, postgresql: 3.5 },
    wal: 618,
    measured: '5,000/s',
  },
  trapCommits: {
    of: 'a commit of notifications, which may share it',
    micros: { trap: 1_110, postgresql: 1_100, redis: 1.95 },
    wal: 952,
    measured: '100/s and 5,000/s',
  },
  decided: {
    of: 'a change of phase by an alert: match, state, decision, trigger',
    micros: { api: 15.5, 'worker-alerts-actions': 75.5, postgresql: 59.7, redis: 0.345 },
    wal: 3_640,
    measured: '4,000/s by the hundred',
  },
  decidedCommits: {
    of: 'a commit of such changes, which may share it',
    micros: { 'worker-alerts-actions': 2_320, postgresql: 1_180, redis: 338 },
    wal: 212,
    measured: '50/s and 1,000/s one by one',
  },
  executions: {
    of: 'an execution of a webhook',
    micros: { 'worker-alerts-actions': 113, postgresql: 61.2 },
    wal: 4_730,
    measured: '400/s',
  },
  executionCommits: {
    of: 'a commit of executions, which may share it',
    micros: { 'worker-alerts-actions': 1_040, postgresql: 833, redis: 59.9 },
    wal: 8.02,
    measured: '20/s and 400/s',
  },
};

interface Bytes {
  /** Of a row with its index entries. */
  row: number;
  /** Of each metric of the service, besides. */
  value: number;
  measured: string;
}

const POLLS = 'after 10,000 services of 1 metric and 1,000 of 20 were polled for a minute';
const ALERTS = 'after 330,000 alerts at 10,000/s';
const DECIDED = 'after 33,000 alerts at 1,000/s';

/** Bytes on disk. */
export const DISK = {
  sample: { row: 107, value: 8.9, measured: POLLS },
  /** Of 5 minutes, or of an hour: the same five numbers of each metric. */
  step: { row: 109, value: 41.7, measured: 'after roll-ups of 20,000 services of 1 metric and 5,000 of 10' },
  alert: { row: 735, value: 0, measured: ALERTS },
  /** What an alert takes besides when it was written again, as it had been decided on. */
  decidedAlert: { row: 335, value: 0, measured: DECIDED },
  /** With the row that names the trigger it led to. */
  match: { row: 340, value: 0, measured: DECIDED },
  decision: { row: 520, value: 75, measured: POLLS },
  /** With the decision that it is. */
  trigger: { row: 1_450, value: 0, measured: DECIDED },
  /** Written three times: queued, running, ended. */
  execution: { row: 4_600, value: 0, measured: 'after 10,000 executions at 400/s' },
  /** With its state. */
  service: { row: 1_090, value: 42, measured: POLLS },
} satisfies Record<string, Bytes>;

interface Memory {
  /** MiB of one process, busy as in the runs. */
  base: number;
  /** Bytes of each polled service, besides. */
  perService?: number;
  /** MiB of PostgreSQL for each process that is connected. */
  perProcess?: number;
  /** Bytes of Redis for each job that waits. */
  perWaiting?: number;
  measured: string;
}

export const MEMORY: Readonly<Record<Part, Memory>> = {
  api: { base: 256, perService: 2_000, measured: '10,000 alerts/s; 164,000 services fed by alerts' },
  scheduler: { base: 128, perService: 900, measured: '100,000 services at 60 s' },
  'worker-polls': { base: 256, perService: 4_000, measured: '10,000 services at 10 s, 100,000 at 60 s' },
  'worker-alerts-actions': {
    base: 256,
    perService: 4_400,
    measured: '400 executions/s; 164,000 services fed by alerts',
  },
  trap: { base: 224, measured: '5,000 notifications/s' },
  postgresql: {
    base: 192,
    perService: 1_000,
    perProcess: 11,
    measured: 'idle, 5 and 13 processes; 100,000 services; shared_buffers 128 MB',
  },
  redis: {
    base: 8,
    perWaiting: 1_000,
    measured: '2,600 jobs of polls that no worker took, and 300 of alerts',
  },
};
