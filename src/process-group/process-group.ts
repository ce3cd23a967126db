import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AggregatorRegistry } from 'prom-client';
import type { LineLogger } from '../common/logger';
import { registry, telemetry } from '../common/telemetry';
import type { Config, Role } from '../config/config';

/**
 * Pause before a process that ended by itself is started again, milliseconds; doubled each time while it does not live
 * long.
 */
const RESTART_MS = 1_000;
const LONGEST_RESTART_MS = 60_000;
const SOUND_MS = 60_000;
/**
 * Options of the processes. The larger young generation of V8 is for bursts of alerts, which outlive the default one.
 */
const NODE_OPTIONS = ['--max-semi-space-size=64'];

type FromMember =
  | { made: true }
  | { ready: string }
  | { failed: string }
  /** There is no user yet: the setup URL should be shown. */
  | { needsSetup: true }
  | { askMetrics: number }
  /** Uncaught exception: the process drains, and ends. */
  | { uncaught: true };
/** Message to a process. `uncaught`: number of uncaught exceptions of its predecessors. */
type ToMember = { config: Config; uncaught: number } | { listen: true } | { metrics: number; text: string };

/** Returns how many processes of a program have a role; one for roles other than `api` and `worker`. */
const processesOf = ({ apiProcesses, workerProcesses }: Config, role: Role): number =>
  role === 'api' ? apiProcesses : role === 'worker' ? workerProcesses : 1;

/** Returns the number of processes of a program. */
export const groupSize = (config: Config): number =>
  Math.max(...config.roles.map((role) => processesOf(config, role)));

/**
 * Several processes of one program, so that alerts, polls, decisions and actions use the machine's cores. The first has
 * all roles of the program; the others are `api`, sharing its port, or `worker`, or both. This process starts them, and
 * starts them again.
 *
 * A member is forked, made (it could listen), ready (it listens), or ended. At first all members are made before any
 * listens. A member that ends is started again at its place after a pause, until the group stops.
 */
export class ProcessGroup {
  private readonly metrics = new AggregatorRegistry();
  private isStopping = false;
  private tellNeedsSetup!: () => void;
  /** Resolves when a member finds out that there is no user yet. */
  readonly needsSetup = new Promise<true>((resolve) => (this.tellNeedsSetup = () => resolve(true)));
  /** Number of uncaught exceptions, by place. */
  private readonly uncaught: number[] = [];

  private constructor(
    private readonly config: Config,
    private readonly logger: LineLogger,
  ) {}

  /**
   * Starts the processes.
   *
   * @param asked aborts when the program is asked to stop, and then stops the start as well
   * @returns the group and its URL, once all of them answer
   * @throws Error when one of them can't start
   */
  static async start(
    config: Config,
    logger: LineLogger,
    asked: AbortSignal,
  ): Promise<{ group: ProcessGroup; url: string }> {
    cluster.setupPrimary({
      exec: join(__dirname, '..', 'main.js'),
      execArgv: NODE_OPTIONS,
      // A secret key is bytes.
      serialization: 'advanced',
    });
    const group = new ProcessGroup(config, logger);
    const stop = () => void group.stop('SIGTERM');
    asked.addEventListener('abort', stop);
    try {
      // The first may have to migrate the database.
      const first = await group.fork(0);
      const others = await Promise.all(
        Array.from({ length: groupSize(config) - 1 }, (_, index) => group.fork(index + 1)),
      );
      // All at once: connections that come before the others listen would stay with the first for good.
      const [url] = await Promise.all([first, ...others].map((listen) => listen()));
      return { group, url: url! };
    } catch (error) {
      await group.stop('SIGTERM');
      throw error;
    } finally {
      asked.removeEventListener('abort', stop);
    }
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    this.isStopping = true;
    const members = Object.values(cluster.workers ?? {}) as Worker[];
    await Promise.all(
      members.map(async (member) => {
        if (member.isDead()) return;
        const ended = once(member, 'exit');
        member.process.kill(signal);
        await ended;
      }),
    );
  }

  /**
   * Starts one process.
   *
   * @param place index of the process; 0 has all the roles
   * @param pauseMs pause before this start, milliseconds
   * @returns once it could listen, a function that lets it listen and returns its URL
   */
  private async fork(place: number, pauseMs = 0): Promise<() => Promise<string>> {
    const began = performance.now();
    const roles = this.config.roles.filter((role) => place < processesOf(this.config, role));
    const member = cluster.fork();
    member.on('message', (message: FromMember) => {
      if ('askMetrics' in message) void this.answerMetrics(member, message.askMetrics);
      if ('needsSetup' in message) this.tellNeedsSetup();
      if ('uncaught' in message) this.uncaught[place] = (this.uncaught[place] ?? 0) + 1;
    });
    // It may be gone by the time something is sent to it.
    member.on('error', () => undefined);
    member.send({
      config: { ...this.config, roles },
      uncaught: this.uncaught[place] ?? 0,
    } satisfies ToMember);
    await told(member, (message) => ('made' in message ? message.made : undefined));
    return async () => {
      const listening = told(member, (message) => ('ready' in message ? message.ready : undefined));
      member.send({ listen: true } satisfies ToMember);
      const url = await listening;
      member.once('exit', (code, signal) => {
        const livedMs = performance.now() - began;
        void this.again(place, signal ?? code, restartPause(pauseMs, livedMs));
      });
      return url;
    };
  }

  private async again(place: number, why: string | number, pauseMs: number): Promise<void> {
    for (; !this.isStopping; pauseMs = restartPause(pauseMs, 0)) {
      const when = pauseMs > RESTART_MS ? ` in ${Math.round(pauseMs / 1000)} s` : '';
      this.logger.warn(`process ${place + 1} ended (${why}); it is started again${when}`, 'ProcessGroup');
      await sleep(pauseMs);
      if (this.isStopping) return;
      try {
        const listen = await this.fork(place, pauseMs);
        return void (await listen());
      } catch (error) {
        why = (error as Error).message;
      }
    }
  }

  private async answerMetrics(member: Worker, metrics: number): Promise<void> {
    // One that is busy or ending does not answer in time: what the others say is lost with it, this once.
    const text = await this.metrics.clusterMetrics().then(withOwn, () => '');
    if (member.isConnected()) member.send({ metrics, text } satisfies ToMember);
  }
}

/**
 * Returns the pause before the next start, milliseconds.
 *
 * @param beforeMs last pause, 0 for none
 * @param livedMs how long the process has lived since
 */
export function restartPause(beforeMs: number, livedMs: number): number {
  if (livedMs > SOUND_MS || beforeMs === 0) return RESTART_MS;
  return Math.min(beforeMs * 2, LONGEST_RESTART_MS);
}

const OWN = 'monscale_embedded_restarts_total';

/**
 * Returns the metrics of the members, with those that only this process counts; members have their name, but no number.
 */
async function withOwn(text: string): Promise<string> {
  const others = text.replace(new RegExp(`^# (HELP|TYPE) ${OWN} .*\\n`, 'gm'), '');
  return `${others.trimEnd()}\n${await registry.getSingleMetricAsString(OWN)}\n`;
}

/**
 * Waits for a message of a process about its start.
 *
 * @throws Error saying why it could not start
 */
async function told<T>(member: Worker, of: (message: FromMember) => T | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (code: number, signal: string) =>
      reject(new Error(`a process ended at start (${signal ?? code})`));
    if (member.isDead()) return ended(member.process.exitCode!, member.process.signalCode!);
    const listen = (message: FromMember) => {
      const said = of(message);
      if (said === undefined && !('failed' in message)) return;
      member.off('exit', ended);
      member.off('message', listen);
      if (said === undefined) reject(new Error((message as { failed: string }).failed));
      else resolve(said);
    };
    member.once('exit', ended);
    member.on('message', listen);
  });
}

/** Tells whether this process is a member of a group, and not the program itself. */
export const isMember = (): boolean => cluster.isWorker;

/**
 * Calls back when the process that leads this group is gone, for any reason. Node would end this process at once, in
 * the middle of its work.
 */
export function whenGroupIsGone(gone: () => void): void {
  cluster.worker?.on('disconnect', () => {
    cluster.worker!.exitedAfterDisconnect = true;
    gone();
  });
}

/** Waits for the configuration that the group sends to this process. */
export async function memberConfig(): Promise<Config> {
  // Its own metrics are asked for by messages, too.
  new AggregatorRegistry();
  const [message] = (await once(process, 'message')) as [Extract<ToMember, { config: Config }>];
  const { config, uncaught } = message;
  telemetry.uncaughtExceptions.inc(uncaught);
  // They come as plain bytes.
  const { secretKey, secretKeyPrevious } = config;
  return Object.freeze({
    ...config,
    secretKey: secretKey && Buffer.from(secretKey),
    secretKeyPrevious: secretKeyPrevious && Buffer.from(secretKeyPrevious),
  });
}

/** Sends a message to the group, which may be gone. */
export const tellGroup = (message: FromMember): void =>
  void process.send?.(message, undefined, undefined, () => undefined);

/** Tells the group that this process could listen, and waits until all members could. */
export async function mayListen(): Promise<void> {
  const asked = new Promise<void>((resolve) => {
    const listen = (message: ToMember) => {
      if (!('listen' in message)) return;
      process.off('message', listen);
      resolve();
    };
    process.on('message', listen);
  });
  tellGroup({ made: true });
  await asked;
}

let asked = 0;
const METRICS_MS = 5_000;

/** Returns the metrics of the whole group; undefined when this is no member of one, or nobody answers. */
export async function groupMetrics(): Promise<string | undefined> {
  if (!cluster.isWorker) return undefined;
  const id = ++asked;
  return new Promise((resolve) => {
    const late = setTimeout(() => end(undefined), METRICS_MS);
    const listen = (message: ToMember) => {
      if ('metrics' in message && message.metrics === id) end(message.text || undefined);
    };
    const end = (text: string | undefined) => {
      clearTimeout(late);
      process.off('message', listen);
      resolve(text);
    };
    process.on('message', listen);
    tellGroup({ askMetrics: id });
  });
}
