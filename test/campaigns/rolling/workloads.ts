/**
 * Workloads of deploy/kubernetes/base as processes of this machine, updated as Kubernetes updates them: a Job migrates, init
 * containers wait for it; a new pod is ready before an old one is taken out of its Service and told to end.
 */
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { testPort } from '../../ports';
import { MonscaleProcess } from '../../program';
import type { Balancer } from './balancer';
import { migrateOf, programOf, type Version } from './version';

/** What all pods are given. */
export interface Servers {
  databaseUrl: string;
  redisUrl: string;
}

/** A Deployment, or a StatefulSet: its pods have a volume each, and are replaced in their place. */
export interface Workload {
  name: string;
  roles: string;
  replicas: number;
  env?: Record<string, string>;
  isStateful?: true;
  /** Of its Service; what is sent goes to those of its pods that are ready. */
  balancer?: Balancer;
}

const PROBE_MS = 5_000;
const FIRST_PROBE_MS = 500;
const FAILURES = 2;
const PRE_STOP_MS = 5_000;
/** Until the Service knows that a pod is about to end, milliseconds. */
const SPREADS_MS = 1_000;
/** Time in which a pod becomes ready, at most. */
const START_MS = 300_000;
const MIGRATE_SECONDS = 600;

/** What went wrong with processes; told to the campaign. */
export type Tell = (violation: string) => void;

export class Pod {
  private process?: MonscaleProcess;
  private watch?: NodeJS.Timeout;
  private failed = 0;
  private isLeaving = false;
  private isOver = false;
  private wasReady = false;

  constructor(
    readonly workload: Workload,
    readonly version: Version,
    private readonly servers: Servers,
    /** Its port, and its volume. */
    readonly place: { port: number; folder: string },
    private readonly tell: Tell,
  ) {}

  get output(): string {
    return this.process?.output ?? '';
  }

  get name(): string {
    return `${this.workload.name} of ${this.version.name}`;
  }

  /** Resolves once it is ready: its init container has ended, and its probe is answered. @throws when it never is */
  async start(): Promise<void> {
    await migrated(this.version, this.servers, '--wait');
    if (this.isLeaving) return;
    const { roles, env = {} } = this.workload;
    this.process = new MonscaleProcess(
      {
        ...this.servers,
        roles,
        command: programOf(this.version),
        env: {
          ...env,
          MONSCALE_MIGRATE_AT_START: 'off',
          MONSCALE_SPOOL_DIR: join(this.place.folder, 'spool'),
          MONSCALE_DATA_DIR: this.place.folder,
        },
      },
      this.place.port,
    );
    void this.process.ended.then((code) => {
      this.isOver = true;
      if (!this.isLeaving) this.tell(`${this.name} ended by itself with ${code}: ${this.lastWords()}`);
    });
    const end = performance.now() + START_MS;
    for (;;) {
      if (await this.probe()) break;
      if (this.isOver || performance.now() > end)
        throw new Error(`${this.name} did not become ready: ${this.lastWords()}`);
      await sleep(FIRST_PROBE_MS);
    }
    this.wasReady = true;
    this.enter(true);
    this.watch = setInterval(() => void this.look(), PROBE_MS);
  }

  /** As the kubelet looks at readiness. */
  private async look(): Promise<void> {
    const isReady = await this.probe();
    if (this.isLeaving) return;
    this.failed = isReady ? 0 : this.failed + 1;
    if (isReady) this.enter(true);
    else if (this.failed === FAILURES) this.enter(false);
  }

  private probe(): Promise<boolean> {
    return fetch(`${this.process!.url}/health/ready`, { signal: AbortSignal.timeout(PROBE_MS) }).then(
      async (answer) => {
        await answer.arrayBuffer();
        return answer.ok;
      },
      () => false,
    );
  }

  private enter(isReady: boolean): void {
    this.workload.balancer?.endpoints.set(this.place.port, isReady);
  }

  /** As a pod is deleted: out of its Service while `preStop` waits, then SIGTERM; it has to end by itself, with 0. */
  async end(): Promise<void> {
    this.isLeaving = true;
    clearInterval(this.watch);
    if (this.process === undefined) return;
    if (this.wasReady) {
      const preStop = sleep(PRE_STOP_MS);
      await sleep(SPREADS_MS);
      this.enter(false);
      await preStop;
    }
    const code = await this.process.stop();
    if (this.output.includes('stopped before everything was drained'))
      this.tell(`${this.name} had not drained in time`);
    if (code !== 0) this.tell(`${this.name} ended with ${code ?? 'a signal'}: ${this.lastWords()}`);
  }

  async kill(): Promise<void> {
    this.isLeaving = true;
    clearInterval(this.watch);
    this.enter(false);
    await this.process?.kill();
  }

  private lastWords(): string {
    return this.output.trim().split('\n').slice(-3).join(' | ').slice(0, 1_500);
  }
}

/** A workload and its pods. */
export class Rollout {
  private pods: Pod[] = [];
  private readonly every: Pod[] = [];

  constructor(
    readonly workload: Workload,
    private readonly servers: Servers,
    private readonly tell: Tell,
  ) {}

  /** All pods there ever were. */
  get all(): readonly Pod[] {
    return this.every;
  }

  async start(version: Version): Promise<void> {
    const { replicas } = this.workload;
    this.pods = await Promise.all(Array.from({ length: replicas }, () => this.pod(version)));
    await Promise.all(this.pods.map((pod) => pod.start()));
  }

  /** Replaces its pods by those of another version. */
  async roll(version: Version): Promise<void> {
    const ending: Promise<void>[] = [];
    for (const [index, old] of [...this.pods.entries()].reverse()) {
      if (this.workload.isStateful) await old.end();
      const pod = await this.pod(version, old);
      await pod.start();
      this.pods[index] = pod;
      if (!this.workload.isStateful) ending.push(old.end());
    }
    await Promise.all(ending);
  }

  async end(): Promise<void> {
    await Promise.all(this.pods.map((pod) => pod.end()));
  }

  async kill(): Promise<void> {
    await Promise.all(this.every.map((pod) => pod.kill()));
  }

  /** A pod of a StatefulSet has the volume of the one before, and its port, which its name stands for. */
  private async pod(version: Version, before?: Pod): Promise<Pod> {
    const isKept = this.workload.isStateful && before !== undefined;
    const place = isKept ? before.place : { port: await testPort(), folder: newFolder() };
    const pod = new Pod(this.workload, version, this.servers, place, this.tell);
    this.every.push(pod);
    return pod;
  }
}

function newFolder(): string {
  const folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'pod-'));
  mkdirSync(join(folder, 'spool'));
  return folder;
}

/** The Job of a version: brings the schema; or what an init container does, which waits for it. @throws when it fails */
export async function migrated(version: Version, servers: Servers, ...more: string[]): Promise<string> {
  const command = migrateOf(version, '--timeout', String(MIGRATE_SECONDS), ...more);
  const job = new MonscaleProcess({ ...servers, command }, 0);
  const code = await job.ended;
  if (code !== 0) throw new Error(`monscale migrate of ${version.name} ended with ${code}: ${job.output}`);
  return job.output;
}
