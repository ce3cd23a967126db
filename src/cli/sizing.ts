/**
 * What an installation takes for a load: processor time, disk and memory, each a sum over what is done of what one of it
 * costs. Pure. `npm run bench scaling` measures the costs, and holds the sums against loads on which none was fitted.
 */
import {
  COMMIT_SECONDS,
  COSTS,
  DISK,
  MEMORY,
  PARTS,
  WORKLOADS,
  type Driver,
  type Part,
  type Workload,
} from './sizing-costs';

/** What is asked of an installation. */
export interface Load {
  /** Services that are polled. */
  services: number;
  intervalSeconds: number;
  /** Metrics of each service. */
  metrics: number;
  /** Services that ask one target; what they ask goes out together. */
  perTarget: number;
  /** Alerts over HTTP, a second. */
  alerts: number;
  /** Alerts of one request. */
  batch: number;
  /** Share of the alerts that is new; the others are seen again. */
  newShare: number;
  /** Share of the new alerts and of the traps that makes a service change its phase. */
  decidedShare: number;
  /** SNMP notifications, a second; each is an alert that is new. */
  traps: number;
  /** Changes of phase of a polled service, a day. */
  changes: number;
  /** Executions, a day. */
  executions: number;
  samplesDays: number;
  fiveMinutesDays: number;
  hoursDays: number;
  /** Of alerts, decisions and executions. */
  historyDays: number;
}

export type Processes = Readonly<Record<Workload, number>>;

export interface WorkloadSize {
  /** Processor time that the load takes, seconds a second, of all processes. */
  cores: number;
  /** Processes that carry the load. */
  processes: number;
  /** One process more than carry it, so that one may be gone. */
  replicas: number;
  /** Of one process; no limit of the processor, which would only make it wait. */
  requests: { cpuMillicores: number; memoryMib: number };
  limits: { memoryMib: number };
}

export interface Size {
  workloads: Record<Workload, WorkloadSize>;
  postgresql: {
    cores: number;
    connections: number;
    memoryMib: number;
    walBytesPerSecond: number;
    diskBytes: number;
    /** Parts of `diskBytes`. */
    disk: Record<string, number>;
  };
  redis: { cores: number; memoryMib: number };
  /** Where the sum ends: what is not measured, or what no single installation does. */
  warnings: string[];
}

const DAY_SECONDS = 86_400;
const STEP_SECONDS = 300;
const HOUR_SECONDS = 3_600;
const GIB = 2 ** 30;
const MIB = 2 ** 20;
/** Share of a core that a process is to be busy on average: it is one thread, and load comes in waves. */
const BUSY = 0.6;
/** Connections to PostgreSQL that a process may have. */
const CONNECTIONS = 25;
/** Connections beside those of the processes: people, backups, migrations. */
const OTHER_CONNECTIONS = 20;
/** What PostgreSQL may keep of its log between two checkpoints, twice its `max_wal_size` by default. */
const WAL_KEPT_BYTES = 2 * GIB;
const CPU_STEP = 50;
const MEMORY_STEP = 64;
/** Cores of the machine on which everything was measured. */
const MEASURED_CORES = 2;
/** V8's heap by default, where the machine has 16 GB or more. */
const HEAP_MIB = 4_096;

const NO_PROCESSES = Object.fromEntries(WORKLOADS.map((workload) => [workload, 0])) as Processes;

/** Returns how many commits a second so many make that come one by one: those that come while one runs share the next. */
const commitsOf = (perSecond: number, seconds: number): number => perSecond / (1 + perSecond * seconds);

/** Returns the share of commits in which some alerts are new and some are seen again. */
function mixedShare({ alerts, newShare }: Load, commits: number): number {
  if (commits === 0) return 0;
  const each = alerts / commits;
  return 1 - newShare ** each - (1 - newShare) ** each;
}

/** Returns how many times a second each thing is done that costs; of `services` and processes, how many there are. */
export function driversOf(load: Load, processes: Processes): Record<Driver, number> {
  const polls = load.services / load.intervalSeconds;
  const steps = load.services / Math.max(STEP_SECONDS, load.intervalSeconds);
  const requests = load.alerts / load.batch;
  const requestCommits = commitsOf(requests, COMMIT_SECONDS.requests);
  const newAlerts = load.alerts * load.newShare;
  const decided = (newAlerts + load.traps) * load.decidedShare;
  const executions = load.executions / DAY_SECONDS;
  return {
    ...processes,
    services: load.services,
    polls,
    questions: polls / load.perTarget,
    values: polls * load.metrics,
    pollChanges: (load.services * load.changes) / DAY_SECONDS,
    steps,
    stepReadings: polls,
    stepValues: polls * load.metrics,
    stepHours: load.services / Math.max(HOUR_SECONDS, load.intervalSeconds),
    requests,
    requestCommits,
    mixedCommits: requestCommits * mixedShare(load, requestCommits),
    alerts: load.alerts,
    newAlerts,
    traps: load.traps,
    trapCommits: commitsOf(load.traps, COMMIT_SECONDS.traps),
    decided,
    decidedCommits: commitsOf(Math.min(decided, requests + load.traps), COMMIT_SECONDS.decided),
    executions,
    // What one request or one poll has begun goes together.
    executionCommits: commitsOf(Math.min(executions, requests + load.traps + polls), COMMIT_SECONDS.decided),
  };
}

/** Returns the processor time of each part, in cores. */
export function coresOf(load: Load, processes: Processes): Record<Part, number> {
  const drivers = Object.entries(driversOf(load, processes)) as [Driver, number][];
  const coresOfPart = (part: Part) =>
    drivers.reduce((sum, [driver, times]) => sum + (times * (COSTS[driver].micros[part] ?? 0)) / 1e6, 0);
  return Object.fromEntries(PARTS.map((part) => [part, coresOfPart(part)])) as Record<Part, number>;
}

/** Returns the bytes a second that PostgreSQL writes to its log, which each replica receives. */
export function walOf(load: Load): number {
  const drivers = Object.entries(driversOf(load, NO_PROCESSES)) as [Driver, number][];
  return drivers.reduce((sum, [driver, times]) => sum + times * (COSTS[driver].wal ?? 0), 0);
}

/** Returns the bytes on disk once everything is as old as it is kept, by what they hold. */
export function diskOf(load: Load): Record<string, number> {
  const { polls, steps, stepHours, newAlerts, traps, decided, pollChanges } = driversOf(load, NO_PROCESSES);
  const rows = (perSecond: number, days: number) => perSecond * DAY_SECONDS * days;
  const { sample, step, alert, decidedAlert, match, decision, trigger, execution, service } = DISK;
  return {
    // A partition is dropped as a whole, when its last row is old enough: one of a day, of 7 days, of 30 days.
    samples: rows(polls, load.samplesDays + 1) * (sample.row + load.metrics * sample.value),
    'steps of 5 minutes': rows(steps, load.fiveMinutesDays + 7) * (step.row + load.metrics * step.value),
    'steps of an hour': rows(stepHours, load.hoursDays + 30) * (step.row + load.metrics * step.value),
    alerts:
      rows(newAlerts + traps, load.historyDays) * alert.row +
      rows(decided, load.historyDays) * (decidedAlert.row + match.row),
    decisions:
      rows(pollChanges, load.historyDays) * (decision.row + load.metrics * decision.value) +
      rows(decided, load.historyDays) * trigger.row,
    executions: load.executions * load.historyDays * execution.row,
    services: load.services * (service.row + load.metrics * service.value),
    'write-ahead log': WAL_KEPT_BYTES,
  };
}

/** Returns the memory of one process, or of PostgreSQL or Redis, in MiB. */
function memoryOf(part: Part, load: Load, processes: number): number {
  const { base, perService = 0, perProcess = 0, perWaiting = 0 } = MEMORY[part];
  const waiting =
    60 * (load.services / load.intervalSeconds / 250 + load.alerts + load.traps) + load.executions / 24;
  return base + (perService * load.services + perWaiting * waiting) / MIB + perProcess * processes;
}

const roundUp = (value: number, step: number): number => Math.ceil(value / step - 1e-9) * step;

/** Returns what an installation takes for a load. */
export function sizeOf(load: Load): Size {
  const work = coresOf(load, NO_PROCESSES);
  const processes = Object.fromEntries(
    WORKLOADS.map((workload) => {
      const idle = (COSTS[workload].micros[workload] ?? 0) / 1e6;
      return [workload, Math.max(1, Math.ceil(work[workload] / (BUSY - idle)))];
    }),
  ) as Processes;
  const cores = coresOf(load, processes);
  const workloads = Object.fromEntries(
    WORKLOADS.map((workload) => [
      workload,
      workloadSize(workload, load, cores[workload], processes[workload]),
    ]),
  ) as Size['workloads'];
  const replicas = WORKLOADS.reduce((sum, workload) => sum + workloads[workload].replicas, 0);
  const disk = diskOf(load);
  return {
    workloads,
    postgresql: {
      cores: cores.postgresql,
      connections: replicas * CONNECTIONS + OTHER_CONNECTIONS,
      memoryMib: roundUp(memoryOf('postgresql', load, replicas), MEMORY_STEP),
      walBytesPerSecond: walOf(load),
      diskBytes: Object.values(disk).reduce((sum, bytes) => sum + bytes, 0),
      disk,
    },
    redis: { cores: cores.redis, memoryMib: roundUp(memoryOf('redis', load, replicas), MEMORY_STEP) },
    warnings: warningsOf(load, cores),
  };
}

function workloadSize(workload: Workload, load: Load, cores: number, processes: number): WorkloadSize {
  const memoryMib = roundUp(memoryOf(workload, load, 1), MEMORY_STEP);
  return {
    cores,
    processes,
    replicas: processes + 1,
    requests: { cpuMillicores: roundUp((1_000 * cores) / processes, CPU_STEP), memoryMib },
    // Between two collections of garbage a process may hold twice what lives.
    limits: { memoryMib: 2 * memoryMib },
  };
}

function warningsOf(load: Load, cores: Record<Part, number>): string[] {
  const heapMib = ((MEMORY['worker-polls'].perService ?? 0) * load.services) / MIB;
  return [
    ...(cores.postgresql > MEASURED_CORES
      ? [
          `PostgreSQL takes ${cores.postgresql.toFixed(1)} cores: nothing was measured on more than ${MEASURED_CORES}, so measure first, or divide it into installations`,
        ]
      : []),
    ...(cores.scheduler > BUSY
      ? [
          `roll-ups take ${cores.scheduler.toFixed(1)} cores, and one scheduler makes them: divide it into installations, or set MONSCALE_ROLL_UPS=off`,
        ]
      : []),
    ...(heapMib > BUSY * HEAP_MIB
      ? [
          `each worker-polls holds all services, ${Math.ceil(heapMib)} MiB, and V8's heap is ${HEAP_MIB} MiB by default: set NODE_OPTIONS=--max-old-space-size, or divide it into installations`,
        ]
      : []),
  ];
}
