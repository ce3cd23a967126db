import { AggregatorRegistry, Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { VERSION } from './version';

/** Registry of what `GET /metrics` shows, one for the process. Names end in their unit. */
export const registry = new Registry();
/**
 * Longest pause that Node takes here, 25 days in milliseconds: the event loop's delay is measured by `watchEventLoop`
 * instead.
 */
const HARDLY_EVER_MS = 2 ** 31 - 1;
collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: HARDLY_EVER_MS });
// Gauges that have names of counters.
for (const what of ['handles', 'requests', 'resources'])
  registry.removeSingleMetric(`nodejs_active_${what}_total`);
// Where several processes share a port, one of them is asked for the metrics of all.
AggregatorRegistry.setRegistries([registry]);

const registers = [registry];
const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
  new Counter({ name: `monscale_${name}`, help, labelNames, registers });
const histogram = <L extends string>(
  name: string,
  help: string,
  buckets: number[],
  labelNames: readonly L[] = [],
) => new Histogram({ name: `monscale_${name}`, help, buckets, labelNames, registers });

/**
 * Returns a gauge of what all processes share and one of them finds out. Where nobody has found it out there is no value:
 * 0 would be one.
 */
function shared<L extends string>(name: string, help: string, labelNames: readonly L[] = []): Gauge<L> {
  const gauge = new Gauge({ name: `monscale_${name}`, help, labelNames, aggregator: 'max', registers });
  if (labelNames.length === 0) gauge.remove();
  return gauge;
}

const SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30];

/** Parts of what is told of the event loop's delay, as Node's own metrics have them. */
const LAGS = ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'] as const;
/** Delay of the event loop since the last collection, seconds. */
export type LoopDelay = Record<(typeof LAGS)[number], number>;
new Gauge({
  name: 'monscale_build_info',
  help: '1, with the version of the program',
  labelNames: ['version'] as const,
  // Of several processes of one program.
  aggregator: 'max',
  registers,
}).set({ version: VERSION }, 1);

let loopDelay: (() => LoopDelay) | undefined;
new Gauge({
  name: 'monscale_event_loop_delay_seconds',
  help: 'How long the event loop was held up, since it was asked for last',
  // Not `quantile`, which is of summaries alone.
  labelNames: ['share'] as const,
  // Of several processes, that of the slowest.
  aggregator: 'max',
  registers,
  collect() {
    const delay = loopDelay?.();
    if (delay === undefined) {
      for (const [, gauge] of lags) gauge.remove();
      return this.reset();
    }
    for (const [part, gauge] of lags) gauge.set(delay[part]);
    this.set({ share: '0.5' }, delay.p50);
    this.set({ share: '0.99' }, delay.p99);
    this.set({ share: '1' }, delay.max);
  },
});

// As the library has them, but without its timer, which wakes each process up a hundred times a second. They come after
// the gauge that sets them: they are collected in this order.
const lagGauge = (name: string, part: keyof LoopDelay) => {
  registry.removeSingleMetric(name);
  const help = `Event loop delay since it was asked for last: ${part}`;
  return [part, new Gauge({ name, help, aggregator: part === 'min' ? 'min' : 'max', registers })] as const;
};
const lags = [
  lagGauge('nodejs_eventloop_lag_seconds', 'mean'),
  ...LAGS.map((part) => lagGauge(`nodejs_eventloop_lag_${part}_seconds`, part)),
];

let heldBytes = () => 0;
/**
 * Sets the function that returns the bytes of bodies held now; called when metrics are collected, as the number changes
 * with every request.
 */
export const bodyBytesAre = (held: () => number): void => void (heldBytes = held);

export const telemetry = {
  /** Sets the function that returns the event loop's delay when metrics are collected. */
  onCollectLoopDelay: (tell: (() => LoopDelay) | undefined): void => void (loopDelay = tell),
  pollsDue: counter('polls_due_total', 'Services that were put on the queue to be polled'),
  pollsDone: counter('polls_done_total', 'Services that were polled and evaluated'),
  pollsDropped: counter('polls_dropped_total', 'Polls that were not done', ['reason'] as const),
  reads: counter('reads_total', 'Metric reads', ['type', 'outcome'] as const),
  uncaughtExceptions: counter(
    'uncaught_exceptions_total',
    'Exceptions that nobody caught: the process drained, and was started again',
  ),
  readerRestarts: counter(
    'reader_restarts_total',
    'Processes that read targets (sql_query, redis_list_length) and ended; another one goes on',
    ['reason'] as const,
  ),
  answersRefused: counter(
    'answers_refused_total',
    'Answers of targets that were not read on, as they were larger than an answer is, or not as the protocol has it',
    ['protocol', 'reason'] as const,
  ),
  targetsAside: new Gauge({
    name: 'monscale_targets_aside',
    help: 'Targets that are not asked for a while, as their answers broke the process that read them',
    registers,
  }),
  pollSeconds: histogram('poll_job_seconds', 'Time to read and evaluate one batch of services', SECONDS),
  evaluations: counter('evaluations_total', 'Evaluations of rules, by what came of them', [
    'reason',
  ] as const),
  servicesSkipped: counter(
    'services_skipped_total',
    'Services that were skipped, as what is stored of them can not be made ready or evaluated',
  ),
  subscriptionsSkipped: counter(
    'subscriptions_skipped_total',
    'Alert metrics that were skipped, as what is stored of their match can not be used',
  ),
  triggers: counter('triggers_total', 'Triggers', ['mode'] as const),
  effects: counter('trigger_effects_total', 'Triggers of which it was seen whether they helped', [
    'outcome',
  ] as const),
  noticeMessages: counter('notice_messages_total', 'Messages to contacts that were made'),
  noticesTold: counter(
    'notices_told_total',
    'Notices that contacts were told of: that it is so, or that it is over',
    ['what'] as const,
  ),
  noticesLeftOut: counter(
    'notices_left_out_total',
    'Notices that contacts were not told of, by what they waited for',
    ['reason'] as const,
  ),
  noticesOldest: new Gauge({
    name: 'monscale_notices_oldest_due_seconds',
    help: 'How long the notice has waited that waits longest and that nothing holds back; 0 when none does',
    // Set by one of several processes.
    aggregator: 'max',
    registers,
  }),
  samples: counter('samples_total', 'Samples written'),
  samplesDropped: counter('samples_dropped_total', 'Samples that were read and not written', [
    'reason',
  ] as const),
  samplesWaiting: new Gauge({
    name: 'monscale_samples_waiting',
    help: 'Samples that are read and not yet written',
    registers,
  }),
  samplesOldest: new Gauge({
    name: 'monscale_samples_oldest_waiting_seconds',
    help: 'How long the sample has waited that waits longest; 0 when none does',
    aggregator: 'max',
    registers,
  }),
  rollUpLag: shared(
    'roll_up_lag_seconds',
    'How much time is closed and not yet rolled up, by the seconds of its steps; 0 when all is',
    ['step'] as const,
  ),
  alertsReceived: counter('alerts_received_total', 'Alerts accepted', ['format'] as const),
  alertsOvertaken: counter(
    'alerts_overtaken_total',
    'Reports of alerts that changed nothing, as a later report of the same alert was taken before',
    ['format'] as const,
  ),
  alertsUntold: counter(
    'alerts_untold_total',
    'Reports that say no more than that their sender can not tell: nothing began or ended by them',
    ['format'] as const,
  ),
  alertsRefused: counter('alerts_refused_total', 'Alerts and notifications refused', [
    'format',
    'reason',
  ] as const),
  bodiesRefused: counter(
    'http_bodies_refused_total',
    'Bodies of requests that were not read, or not to their end, by why',
    ['reason'] as const,
  ),
  bodyBytes: new Gauge({
    name: 'monscale_http_body_bytes',
    help: 'Bytes of bodies that are held until their requests are answered',
    registers,
    collect() {
      this.set(heldBytes());
    },
  }),
  connections: new Gauge({
    name: 'monscale_http_connections',
    help: 'Open HTTP connections',
    registers,
  }),
  eventStreams: new Gauge({ name: 'monscale_event_streams', help: 'Open streams of events', registers }),
  eventStreamsEnded: counter(
    'event_streams_ended_total',
    'Streams of events that were refused or ended, by why: no room, room for others, rights, stalled',
    ['reason'] as const,
  ),
  eventResyncs: counter(
    'event_resyncs_total',
    'Times that a client was told to read everything again, by why: slow, many changes, rights, unknown id',
    ['reason'] as const,
  ),
  connectionsClosed: counter(
    'http_connections_closed_total',
    'HTTP connections that were closed to make room for others',
    ['reason'] as const,
  ),
  tokensRefused: counter('http_tokens_refused_total', 'Requests with a token that is not known, by why', [
    'reason',
  ] as const),
  signIns: counter('sign_ins_total', 'Attempts to sign in, by what came of them', [
    'way',
    'outcome',
  ] as const),
  auditDrops: counter('audit_dropped_total', 'Entries of the audit that were not written, by why', [
    'reason',
  ] as const),
  trapDatagrams: counter('trap_datagrams_total', 'UDP datagrams that the trap listener read'),
  trapDrops: counter(
    'trap_drops_total',
    'UDP datagrams and notifications that were lost, by where there was no room',
    ['where'] as const,
  ),
  trapsSpooled: counter(
    'traps_spooled_total',
    'Notifications that were put on disk, as PostgreSQL was away or slower',
  ),
  spoolBytes: new Gauge({
    name: 'monscale_trap_spool_bytes',
    help: 'Notifications that wait on disk',
    registers,
  }),
  alertsProcessed: counter('alerts_processed_total', 'Alerts matched and evaluated'),
  decisionSeconds: histogram(
    'alert_decision_seconds',
    'From the receipt of an alert to the commit of what was decided about it',
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30],
  ),
  executions: counter('execution_attempts_total', 'Attempts to execute an action', [
    'type',
    'outcome',
  ] as const),
  alertsHandedOver: counter(
    'alerts_handed_over_total',
    'Alerts that were evaluated where they came in, without the queue',
  ),
  handedOver: counter(
    'executions_handed_over_total',
    'Executions that began with their decision, without the queue',
  ),
  loadBalancerSyncs: counter('load_balancer_syncs_total', 'Syncs of load balancers, by what came of them', [
    'type',
    'outcome',
  ] as const),
  loadBalancerChanges: counter('load_balancer_changes_total', 'Changes of members of load balancers', [
    'type',
    'change',
    'outcome',
  ] as const),
  queueFailures: counter(
    'queue_add_failures_total',
    'Jobs that could not be put on a queue; the sweep does it later',
    ['queue'] as const,
  ),
  swept: counter('swept_total', 'Work that the sweep put back on a queue', ['what'] as const),
  spansSent: counter('spans_sent_total', 'Spans of traces that a collector took'),
  spansDropped: counter('spans_dropped_total', 'Spans of traces that no collector took, by why', [
    'reason',
  ] as const),
  logLinesDropped: counter('log_lines_dropped_total', 'Lines of the log that nobody read'),
  embeddedRestarts: counter(
    'embedded_restarts_total',
    'Embedded servers that ended by themselves and were started again',
    ['server'] as const,
  ),
  services: shared('services', 'Services by phase, `disabled` besides, and by the reason of it', [
    'phase',
    'reason',
  ] as const),
  openExecutions: shared(
    'executions',
    'Executions that have not ended, or of which nobody knows what became, by status',
    ['status'] as const,
  ),
  killSwitch: shared('kill_switch', '1 while the kill switch is on, and nothing is executed'),
  ready: new Gauge({
    name: 'monscale_ready',
    help: 'What readiness found out last: 1 for able, 0.5 for degraded, 0 for not; "overall" is the whole process',
    labelNames: ['check'] as const,
    // Of several processes, the one that is worst off.
    aggregator: 'min',
    registers,
  }),
  queueLength: shared('queue_jobs', 'Jobs on a queue', ['queue', 'state'] as const),
  oldestDue: shared(
    'executions_oldest_due_seconds',
    'How long the execution has waited that is due longest; 0 when none is',
  ),
  servicesNotPolled: shared(
    'services_not_polled',
    'Services that nobody has polled for three of their intervals',
  ),
  oldestPoll: shared(
    'polls_oldest_due_seconds',
    'How long the job has waited for a worker that is due longest of those that read services; 0 when none waits',
  ),
  rulesFilesBroken: shared(
    'rules_files_broken',
    'Files of the rules directory with mistakes, or the folder itself; the rules stay as they were',
  ),
  rulesDrift: shared(
    'rules_drift',
    'Definitions that others have changed or deleted since the rules directory applied them',
  ),
  held: shared('executions_held', 'Executions that wait because a limit is reached'),
  nameLookups: counter('name_lookups_total', 'Names that the DNS was asked for, by what came of it', [
    'outcome',
  ] as const),
  threadTasks: counter('thread_tasks_total', 'Work that ran beside the event loop, by what came of it', [
    'lane',
    'outcome',
  ] as const),
  threadSeconds: histogram(
    'thread_task_seconds',
    'Time that work beside the event loop took, waiting included',
    SECONDS,
    ['lane'] as const,
  ),
  lastTick: shared(
    'scheduler_last_tick_timestamp_seconds',
    'Until when all polls that were due stand on the queue',
  ),
  clockOffset: new Gauge({
    name: 'monscale_clock_offset_seconds',
    // All processes of a program are on one machine.
    aggregator: 'average',
    help: "PostgreSQL's time less that of this machine's clock",
    registers,
  }),
  clockError: new Gauge({
    name: 'monscale_clock_error_seconds',
    aggregator: 'max',
    help: "How far off PostgreSQL's time may be as this process knows it",
    registers,
  }),
  momentsAhead: counter('moments_ahead_total', 'Stored moments that lay in the future and were set right', [
    'what',
  ] as const),
};
