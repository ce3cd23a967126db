/**
 * Everything outside misbehaves, at random and for as long as it is told, while others rely on the program: none of their
 * services is read late by more than an interval, none of their alerts is lost, acted on twice or late; no process ends,
 * none is slow to turn to others, and none has grown at the end.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { testRedisUrl } from '../databases';
import { until, World, type MonscaleProcess } from '../program';
import { DnsStandIn } from '../stand-ins/dns';
import { DEFINITIONS } from './hostile/definitions';
import { GoodWork, INTERVAL_SECONDS } from './hostile/good-work';
import { oneOf, type Mischief, type Stage, type Zones } from './hostile/mischief';
import { SENDERS } from './hostile/senders';
import { SURROUNDINGS } from './hostile/surroundings';
import { TARGETS } from './hostile/targets';
import { seeded } from './seeded';

export interface HostileReport {
  /** How often each mischief was played. */
  played: Record<string, number>;
  alerts: number;
  /** The 99th percentile of the delay of a process' event loop in 10 s, seconds; and how many of these were over 0.1 s. */
  loopP99: { worst: number; median: number; shareOver: number };
  /** Least resident memory of both processes in each quarter of the run, and afterwards when it is quiet, MB. */
  memoryMb: number[];
  violations: string[];
}

const ALL: readonly Mischief[] = [...TARGETS, ...SENDERS, ...DEFINITIONS, ...SURROUNDINGS];
/** As many kinds go on at a time. */
const AT_ONCE = 2;
const LOOP_P99_SECONDS = 0.1;
/** Of windows of 10 s. */
const SLOW_AT_MOST = 0.05;
/** From the second quarter, when heaps have grown to their size, to the end: what leaks grows on in each. */
const GROWTH_MB = 60;
const QUARTERS = 4;
/** Of shorter runs memory and the loop are not judged: a heap has not its size yet, and specs share the machine with others. */
const LONG_SECONDS = 600;
/** Threads without work end meanwhile. */
const QUIET_MS = 60_000;

/** @param only mischiefs whose names have this in them; by default all */
export async function hostileCampaign(
  seconds: number,
  seed: number,
  tell: (line: string) => void = () => undefined,
  only = '',
): Promise<HostileReport> {
  const scene = await Scene.build(seed, only);
  try {
    return await scene.play(seconds, tell);
  } finally {
    await scene.clear();
  }
}

/** A name server whose zones can fall silent; all other names are this machine. */
class SilentZones implements Zones {
  readonly silent = new Set<string>();

  silence(zone: string, isSilent: boolean): void {
    if (isSilent) this.silent.add(zone);
    else this.silent.delete(zone);
  }

  answer = (name: string): string[] | 'silence' =>
    [...this.silent].some((zone) => name.endsWith(`.${zone}`)) ? 'silence' : ['127.0.0.1'];
}

class Scene {
  private readonly random;
  private readonly violations: string[] = [];
  private readonly played: Record<string, number> = {};
  private readonly lags: number[] = [];
  /** Polls that each process did not do, by process and reason. */
  private readonly dropped = new Map<string, number>();
  private readonly underWay = new Set<string>();
  /** The least of a quarter has nothing in it that a mischief takes for a while. */
  private readonly leastMb = Array.from({ length: QUARTERS }, () => Infinity);

  private constructor(
    seed: number,
    private readonly stage: Omit<Stage, 'random'>,
    private readonly line: MonscaleProcess,
    private readonly good: GoodWork,
    private readonly names: DnsStandIn,
    private readonly mischiefs: readonly Mischief[],
  ) {
    this.random = seeded(seed);
  }

  static async build(seed: number, only: string): Promise<Scene> {
    const mischiefs = ALL.filter(({ name }) => name.includes(only));
    if (mischiefs.length === 0) throw new Error(`no mischief has ${only} in its name`);
    const folder = mkdtempSync(join(tmpdir(), 'monscale-hostile-'));
    for (const name of ['secrets', 'spool']) mkdirSync(join(folder, name));
    const world = await World.create();
    const zones = new SilentZones();
    const names = await DnsStandIn.start(zones.answer);
    const env = {
      NODE_OPTIONS: `--require ${join(__dirname, '../stand-ins/name-server.cjs')}`,
      DNS_STAND_IN: names.server,
      MONSCALE_SECRETS_DIR: join(folder, 'secrets'),
      MONSCALE_SPOOL_DIR: join(folder, 'spool'),
    };
    const { databaseUrl, redisUrl } = world;
    const front = await world.start('api,trap', { databaseUrl, redisUrl, env });
    const line = await world.start('scheduler,worker', { databaseUrl, redisUrl, env });
    await front.api.create('/sources', { name: 'traps', format: 'snmp', params: {} });
    const { token: sourceToken } = await front.api.create('/sources', {
      name: 'hostile',
      format: 'native',
      params: {},
    });
    const good = new GoodWork(world, front.api, (await testRedisUrl()).redisUrl);
    await good.begin();
    return new Scene(seed, { world, env, front, folder, zones, sourceToken }, line, good, names, mischiefs);
  }

  async play(seconds: number, tell: (line: string) => void): Promise<HostileReport> {
    await sleep(INTERVAL_SECONDS * 1000);
    const begun = performance.now();
    const end = begun + seconds * 1000;
    const isOver = (): boolean => performance.now() > end || this.violations.length >= 20;
    const quarter = () =>
      Math.min(QUARTERS - 1, Math.floor(((performance.now() - begun) / 1000 / seconds) * QUARTERS));
    const watching = this.watch(isOver, quarter, tell);
    await Promise.all(Array.from({ length: AT_ONCE }, () => this.lane(isOver, tell)));
    await watching;
    const alertsAndPolls = await this.good.end();
    this.violations.push(...alertsAndPolls);
    await this.becomesReady();
    await sleep(Math.min(QUIET_MS, seconds * 200));
    const isLong = seconds >= LONG_SECONDS;
    const memoryMb = [...this.leastMb, this.memoryMb()];
    const [, warm] = memoryMb as [number, number];
    const last = Math.min(...memoryMb.slice(QUARTERS - 1));
    if (isLong && last > warm + GROWTH_MB)
      this.violations.push(`the processes grew from ${warm} to ${last} MB`);
    const slow = this.lags.filter((lag) => lag > LOOP_P99_SECONDS).length;
    const shareOver = slow / this.lags.length;
    const loopP99 = { worst: Math.max(...this.lags), median: percentile(this.lags, 0.5), shareOver };
    if (isLong && shareOver > SLOW_AT_MOST)
      this.violations.push(`the event loop was late in ${slow} of ${this.lags.length} windows of 10 s`);
    return { played: this.played, alerts: this.good.alerts, loopP99, memoryMb, violations: this.violations };
  }

  /** One mischief after the other, and none twice at a time. */
  private async lane(isOver: () => boolean, tell: (line: string) => void): Promise<void> {
    while (!isOver()) {
      const idle = this.mischiefs.filter(({ name }) => !this.underWay.has(name));
      const mischief = oneOf(this.random, idle.length > 0 ? idle : this.mischiefs);
      this.played[mischief.name] = (this.played[mischief.name] ?? 0) + 1;
      const begun = performance.now();
      this.underWay.add(mischief.name);
      const failure = await mischief.play({ ...this.stage, random: this.random }).then(
        () => undefined,
        (error: Error) => error.message,
      );
      this.underWay.delete(mischief.name);
      const took = ((performance.now() - begun) / 1000).toFixed(1);
      tell(
        `${clock()} ${took.padStart(6)} s  ${mischief.name}${failure === undefined ? '' : `: ${failure}`}`,
      );
      if (failure !== undefined) this.violations.push(`${mischief.name}: ${failure}`);
    }
  }

  /** Every ten seconds: do both live, and how late were their loops? */
  private async watch(
    isOver: () => boolean,
    quarter: () => number,
    tell: (line: string) => void,
  ): Promise<void> {
    for (let looks = 1; !isOver(); looks++) {
      const meanwhile = new Set(this.underWay);
      await sleep(10_000);
      for (const name of this.underWay) meanwhile.add(name);
      const now = quarter();
      this.leastMb[now] = Math.min(this.leastMb[now]!, this.memoryMb());
      if (looks % 6 === 0) tell(`          resident memory ${this.processesMb().join(' and ')} MB`);
      for (const one of [this.stage.front, this.line]) {
        const health = await one.root
          .get('/health/live')
          .catch((error: Error) => ({ status: error.message }));
        if (health.status !== 200) this.violations.push(`a process does not answer: ${health.status}`);
        const { body } = await one.root.get('/metrics').catch(() => ({ body: '' }));
        this.tellDropped(one.pid, body as string, tell);
        const [, lag] = /^nodejs_eventloop_lag_p99_seconds (\S+)/m.exec(body as string) ?? [];
        if (lag === undefined) continue;
        this.lags.push(Number(lag));
        if (Number(lag) > LOOP_P99_SECONDS)
          tell(`          the loop was late by ${lag} s: ${[...meanwhile].join(', ')}`);
      }
    }
  }

  private tellDropped(pid: number, metrics: string, tell: (line: string) => void): void {
    for (const [, reason, total] of metrics.matchAll(
      /^monscale_polls_dropped_total\{reason="(\w+)"\} (\d+)/gm,
    )) {
      const key = `${pid} ${reason}`;
      const more = Number(total) - (this.dropped.get(key) ?? 0);
      if (more > 0) tell(`${clock()}  ${more} polls dropped by ${pid}: ${reason}`);
      this.dropped.set(key, Number(total));
    }
  }

  private async becomesReady(): Promise<void> {
    for (const one of [this.stage.front, this.line])
      await until(
        async () => (await one.root.get('/health/ready')).status === 200,
        15_000,
        'both are ready afterwards',
      ).catch((error: Error) => this.violations.push(error.message));
  }

  private memoryMb(): number {
    return this.processesMb().reduce((sum, one) => sum + one);
  }

  private processesMb(): number[] {
    return [this.stage.front.pid, this.line.pid].map((pid) => {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024);
    });
  }

  async clear(): Promise<void> {
    await this.good.clear();
    await this.stage.world.end();
    this.names.stop();
    rmSync(this.stage.folder, { recursive: true, force: true });
  }
}

const clock = (): string => new Date().toISOString().slice(11, 19);

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length * share)] ?? 0;
}
