import { statfs } from 'node:fs/promises';
import { Inject, Injectable, Logger, Optional } from '@nestjs/common';
import { TrapListener } from '../traps/trap-listener';
import { Recurring } from '../common/periodic';
import { mapOf, object, oneOf, text } from '../common/shapes';
import { telemetry } from '../common/telemetry';
import { CONFIG, type Config } from '../config/config';
import { ClockSync } from '../database/clock-sync';
import { Database } from '../database/database';
import { PollScheduler } from '../polling/poll-scheduler';
import { Queues } from '../queue/queues';
import { UnpolledSweep } from '../rules/unpolled-sweep';
import { Probe } from './probe';
import { stateOf, type Check, type Checks, type State } from './readiness';

/** Interval at which health is checked for the metrics and the log, whether or not anybody asks, milliseconds. */
const LOOK_MS = 5_000;
/** Least free disk space, bytes: PostgreSQL takes its log in files of 16 MB. */
const DISK_LEFT_BYTES = 64 << 20;
/** Time after the start in which a degraded state is not logged, milliseconds. */
const STARTING_MS = 10_000;

/** Shape of checks by their names. */
export const CHECKS = mapOf(object({ status: oneOf(['up', 'down']) }, { error: text }));

/** Checks whether the roles of this process can do their work, by doing it in small. */
@Injectable()
export class Health extends Recurring {
  private readonly logger = new Logger('Health');
  private readonly probes: Record<string, Probe> = {};
  private told = '';
  private readonly startedAt = performance.now();

  constructor(
    database: Database,
    queues: Queues,
    private readonly clock: ClockSync,
    @Inject(CONFIG) private readonly config: Config,
    @Optional() private readonly scheduler?: PollScheduler,
    @Optional() private readonly unpolled?: UnpolledSweep,
    @Optional() private readonly traps?: TrapListener,
  ) {
    super(LOOK_MS);
    this.probes.database = new Probe(() => database.able());
    this.probes.redis = new Probe(() => queues.able());
    if (traps !== undefined) this.probes.spool = new Probe(() => traps.ableToSpool());
    if (config.embedded) this.probes.disk = new Probe(() => assertRoom(config.dataDir));
  }

  override async round(): Promise<void> {
    await Promise.all(Object.values(this.probes).map((probe) => probe.renewed()));
    await this.look();
  }

  async look(): Promise<{ status: State; checks: Checks }> {
    const names = Object.keys(this.probes);
    const found = await Promise.all(names.map((name) => this.probes[name]!.look()));
    const checks: Checks = Object.fromEntries(names.map((name, index) => [name, found[index]!]));
    checks.clock = checkOf(this.clock.problem());
    if (this.traps !== undefined) checks.sources = checkOf(this.traps.sourcesProblem());
    if (this.scheduler !== undefined) {
      checks.scheduler = checkOf(this.scheduler.problem());
      checks.polls = polling(this.unpolled?.late ?? 0);
    }
    const status = stateOf(this.config.roles, checks);
    this.tell(status, checks);
    return { status, checks };
  }

  /** Sets the metrics, and logs one line when the state changes. */
  private tell(status: State, checks: Checks): void {
    telemetry.ready.set({ check: 'overall' }, { up: 1, degraded: 0.5, down: 0 }[status]);
    for (const [check, { status }] of Object.entries(checks))
      telemetry.ready.set({ check }, status === 'up' ? 1 : 0);
    const failed = Object.entries(checks).flatMap(([name, check]) =>
      check.status === 'up' ? [] : [`${name}: ${check.error}`],
    );
    const kind = `${status} ${Object.keys(checks)
      .filter((name) => checks[name]!.status === 'down')
      .join()}`;
    if (kind === this.told) return;
    // What has only just been started is not ready at once: that is no news.
    if (status === 'degraded' && performance.now() - this.startedAt < STARTING_MS) return;
    const isFirst = this.told === '';
    this.told = kind;
    if (status !== 'up')
      this.logger.warn(`${status === 'down' ? 'not ready' : status}; ${failed.join('; ')}`);
    else if (!isFirst) this.logger.log('ready: all checks are up');
  }
}

const checkOf = (problem: string | undefined): Check =>
  problem === undefined ? { status: 'up' } : { status: 'down', error: problem };

/** Returns the check of polling: a scheduler's polls are of no use while no worker does them. */
const polling = (late: number): Check =>
  checkOf(
    late === 0
      ? undefined
      : `${late} services were not polled for three of their intervals; is a worker running that serves the queue polls?`,
  );

async function assertRoom(folder: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const left = bavail * bsize;
  if (left < DISK_LEFT_BYTES)
    throw new Error(`${Math.floor(left / 2 ** 20)} MB are left on the disk of ${folder}`);
}
