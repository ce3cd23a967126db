import { Process, Processor } from '@nestjs/bull';
import { Inject, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import type { Job } from 'bull';
import { openedParams } from '../common/choice';
import { assertMaySend, checkBeforeSending } from '../common/before-sending';
import { CLOCK, type Clock } from '../common/clock';
import { withDeadline } from '../common/deadline';
import { messageOf } from '../common/errors';
import { maskTexts, Secrets } from '../common/secrets';
import { telemetry } from '../common/telemetry';
import { CONFIG, type Config } from '../config/config';
import { SignOfLife } from '../database/sign-of-life';
import { KillSwitch } from '../kill-switch/kill-switch';
import type { Node } from '../metrics/metric';
import { NodeLister } from '../polling/node-lister';
import { SYNC_JOB, type SyncJob } from '../queue/jobs';
import { Permanent, Retryable } from '../targets/outcomes';
import type { CallContext, LoadBalancer, Member } from './load-balancer';
import { LoadBalancerRegistry } from './load-balancer-registry';
import { LoadBalancerStates, type Change, type Claimed, type SyncOutcome } from './load-balancer-states';
import { after, drainingAmong, planOf, seatsOf, type Memory, type Plan, type Seat, type Step } from './plan';

/**
 * Largest number of syncs at the same time in this process. Bull shares the slots of a queue among all its jobs: load
 * balancers that do not answer must not delay executions.
 */
const AT_ONCE = 16;
/** Time limit of a sync, milliseconds; the next one does what is left. */
const SYNC_MS = 60_000;
/** Duration of the lease, seconds: longer than the sync, to leave time for writing its end. */
const LEASE_SECONDS = SYNC_MS / 1000 + 15;

const EVERY_MS = 120_000;
const SOON_MS = 10_000;
const AFTER_FAILURE_MS = 30_000;
/** Longest pause that a load balancer can ask for, milliseconds. */
const LONGEST_PAUSE_MS = 600_000;

/** Pool that can be asked, and the secrets to mask. */
interface Pool {
  strategy: LoadBalancer;
  params: object;
  name: string;
  secrets: string[];
}

/** Progress of a sync; kept even when the rest fails. */
interface Progress {
  /** Members, if the pool could be read. */
  members?: Seat[];
  /** Earlier changes, and those of this sync that were tried. */
  changes: Change[];
}

interface End {
  outcome: SyncOutcome;
  explanation: string;
  error?: string;
  /** Time until the next sync, milliseconds. */
  waitMs: number;
}

/**
 * Makes load balancers follow the nodes of their infrastructures.
 *
 * One worker at a time holds a load balancer, by its lease. A sync reads the pool and the nodes, plans, records the
 * planned changes, and makes them one by one; the first failure ends it. Before each change the lease's signal, this
 * process's sign of life and the kill switch are checked. A sync that can't list the nodes changes nothing.
 */
@Processor('actions')
export class LoadBalancerSync implements BeforeApplicationShutdown {
  private readonly logger = new Logger('LoadBalancers');
  private readonly stopping = new AbortController();
  private running = 0;

  constructor(
    private readonly states: LoadBalancerStates,
    private readonly registry: LoadBalancerRegistry,
    private readonly nodes: NodeLister,
    private readonly secrets: Secrets,
    private readonly killSwitch: KillSwitch,
    private readonly life: SignOfLife,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    life.begin();
  }

  beforeApplicationShutdown(): void {
    this.stopping.abort(new Error('the program stops'));
  }

  @Process(SYNC_JOB)
  async process({ data }: Job<SyncJob>): Promise<void> {
    // It stays due, and the sweep puts it on the queue again.
    if (this.config.killSwitch || this.running >= AT_ONCE) return;
    this.running++;
    try {
      await this.life.good();
      const claimed = await this.states.claim(data.infrastructure, this.life.worker, LEASE_SECONDS);
      if (claimed !== undefined) await this.sync(claimed);
    } finally {
      this.running--;
    }
  }

  private async sync(claimed: Claimed): Promise<void> {
    const progress: Progress = { changes: [...claimed.changes] };
    const { waitMs, ...end } = await this.ended(claimed, progress);
    const now = this.clock.now();
    telemetry.loadBalancerSyncs.inc({ type: claimed.loadBalancer.type, outcome: end.outcome });
    if (end.outcome !== claimed.outcome) this.say(claimed, end);
    const nextSyncAt = new Date(now.getTime() + waitMs);
    await this.states.finish(claimed, { ...end, ...progress, nextSyncAt });
  }

  private async ended(claimed: Claimed, progress: Progress): Promise<End> {
    let secrets: string[] = [];
    try {
      const pool = await this.open(claimed);
      secrets = pool.secrets;
      return await withDeadline(SYNC_MS, (signal) =>
        this.follow(claimed, pool, progress, this.signalOf(signal)),
      );
    } catch (error) {
      if (this.stopping.signal.aborted)
        return { outcome: 'under_way', explanation: 'it was interrupted, and goes on', waitMs: 0 };
      const why = maskTexts(messageOf(error), secrets);
      return { outcome: 'failed', explanation: why, error: why, waitMs: pauseAfter(error) };
    }
  }

  /** Returns the signal of one sync: nothing is sent once others may have taken it over. */
  private signalOf(deadline: AbortSignal): AbortSignal {
    const signal = AbortSignal.any([deadline, this.stopping.signal]);
    checkBeforeSending(signal, () => {
      if (!this.life.isGood)
        throw new Error('this process was held up: another worker may have taken it over');
    });
    return signal;
  }

  /**
   * Returns the pool of a load balancer.
   *
   * @throws Error when its definition is not usable: a mapping or a secret is missing
   */
  private async open({ loadBalancer: { type, params: stored } }: Claimed): Promise<Pool> {
    const { options, strategy } = this.registry.get(type);
    await this.secrets.look([stored]);
    const { params, texts } = openedParams(options.params, stored, this.secrets);
    return { strategy, params, name: strategy.pool(params), secrets: texts };
  }

  /**
   * Plans and makes the changes of a sync.
   *
   * @throws whatever the load balancer throws
   */
  private async follow(claimed: Claimed, pool: Pool, progress: Progress, signal: AbortSignal): Promise<End> {
    const { strategy, params, name } = pool;
    const context: CallContext = { signal, now: this.clock.now() };
    // What is remembered of another pool says nothing of this one.
    const memory = claimed.pool === name ? claimed.memory : {};
    const members = await strategy.members(params, context);
    progress.members = seatsOf(members, memory);
    let nodes: Node[];
    try {
      nodes = await this.nodes.list(claimed, signal);
    } catch (error) {
      return nodesUnknown(messageOf(error));
    }
    const connections = await connectionsOf(pool, members, memory, context);
    const drainSeconds = strategy.drainSeconds(params);
    const plan = planOf({ members, nodes, memory, connections, drainSeconds, now: context.now });
    if (plan === undefined) return nodesUnknown(`no node of ${claimed.name} has an address`);
    await this.carryOut(claimed, pool, members, plan, progress, context);
    return endOf(plan, progress.members);
  }

  /**
   * Records the steps that are about to be taken, then takes them one by one.
   *
   * @throws when a step fails; no further step is taken
   */
  private async carryOut(
    claimed: Claimed,
    pool: Pool,
    members: readonly Member[],
    { steps, memory }: Plan,
    progress: Progress,
    context: CallContext,
  ): Promise<void> {
    const at = context.now.toISOString();
    const todo = steps.map((step) => {
      const member = step.member ?? pool.strategy.nameOf(pool.params, step.address);
      const change: Change = { at, change: step.change, member, why: step.why, outcome: 'begun' };
      return { step: { ...step, member }, change };
    });
    const planned = [...progress.changes, ...todo.map(({ change }) => change)];
    if (!(await this.states.begin(claimed, pool.name, memory, planned)))
      throw new Error('another worker took it over');
    progress.members = seatsOf(members, memory);
    for (const { step, change } of todo) {
      context.signal.throwIfAborted();
      assertMaySend(context.signal);
      if (await this.killSwitch.isOn()) throw new Error('the kill switch was turned on meanwhile');
      progress.changes.push(change);
      try {
        await take(step, pool, context);
        change.outcome = 'done';
      } catch (error) {
        Object.assign(change, { outcome: 'failed', error: maskTexts(messageOf(error), pool.secrets) });
        throw error;
      } finally {
        this.note(claimed, pool, change);
      }
      members = after(members, step);
      progress.members = seatsOf(members, memory);
    }
  }

  private note({ name: infrastructure, loadBalancer: { type } }: Claimed, pool: Pool, made: Change): void {
    const { change, member, why, outcome, error } = made;
    telemetry.loadBalancerChanges.inc({ type, change, outcome });
    const line = { msg: `${change} ${member}: ${why}`, infrastructure, pool: pool.name, outcome, error };
    if (error === undefined) this.logger.log(line);
    else this.logger.warn(line);
  }

  private say({ name: infrastructure }: Claimed, { outcome, explanation }: Omit<End, 'waitMs'>): void {
    const line = {
      msg: `load balancer of ${infrastructure} ${outcome}: ${explanation}`,
      infrastructure,
      outcome,
    };
    if (outcome === 'in_sync' || outcome === 'under_way') this.logger.log(line);
    else this.logger.warn(line);
  }
}

function take(
  { change, address, member }: Step & { member: string },
  { strategy, params }: Pool,
  context: CallContext,
): Promise<void> {
  return change === 'add'
    ? strategy.add(params, address, context)
    : strategy[change](params, member, context);
}

/** Returns the connections of draining members. A number that can't be read is unknown, and does not stop the rest. */
async function connectionsOf(
  { strategy, params }: Pool,
  members: readonly Member[],
  memory: Memory,
  context: CallContext,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const { name } of drainingAmong(members, memory)) {
    const count = await strategy.connections(params, name, context).catch(() => undefined);
    if (count !== undefined) counts.set(name, count);
  }
  return counts;
}

const nodesUnknown = (why: string): End => ({
  outcome: 'nodes_unknown',
  explanation: `the pool stays as it is: ${why}`,
  error: why,
  waitMs: AFTER_FAILURE_MS,
});

function endOf({ steps, draining, held }: Plan, members: readonly Seat[] = []): End {
  const isMoving = steps.length + draining.length > 0;
  const count = (state: Seat['state']): number => members.filter((seat) => seat.state === state).length;
  const counts = (['in', 'down', 'draining', 'disabled', 'foreign'] as const)
    .filter((state) => state === 'in' || count(state) > 0)
    .map((state) => `${count(state)} ${state}`);
  return {
    outcome: isMoving ? 'under_way' : held.length > 0 ? 'held' : 'in_sync',
    explanation: [`members: ${counts.join(', ')}`, ...held, ...draining].join('; '),
    waitMs: isMoving ? SOON_MS : EVERY_MS,
  };
}

function pauseAfter(error: unknown): number {
  if (error instanceof Permanent) return EVERY_MS;
  const { retryAfterSeconds = 0 } = error instanceof Retryable ? error : {};
  return Math.min(Math.max(AFTER_FAILURE_MS, retryAfterSeconds * 1000), LONGEST_PAUSE_MS);
}
