/**
 * Kills the worker at every step of an execution, again and again, and looks at what the targets saw: those that must
 * not be asked twice at most one deed each, or an execution that says `unknown`; the others ended right; nothing stuck.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { until, World, type Json, type MonscaleProcess } from '../program';
import { CloudFormsStandIn } from '../stand-ins/cloudforms';
import { bodyOf } from '../stand-ins/http-stand-in';
import { KubernetesStandIn } from '../stand-ins/kubernetes';
import { TcpProxy } from '../stand-ins/tcp-proxy';
import { WebhookSink } from '../stand-ins/webhook-sink';
import { seeded, type Random } from './seeded';

/** Where in an execution the worker dies. */
export const STEPS = [
  // It is claimed and nothing has come through to the target.
  'before sending',
  // The target has the request and has done nothing.
  'after sending',
  // The target has done it, and the answer is lost.
  'before the answer',
  // The answer has come, and its end can't be written down.
  'before the commit',
  // Its end is written down.
  'after the commit',
  'at any time',
] as const;
export type Step = (typeof STEPS)[number];

export interface RoundReport {
  round: number;
  step: Step;
  /** By action: how it ended, and how often its target did it. */
  ends: Record<string, { status: string; deeds: number }>;
  violations: string[];
}

/** Never asked twice; a lost answer ends `unknown`, unless the target can be asked. */
const ONCE = ['once', 'provision'];
const LANES = 16;
const GATE_MS = 10_000;
/** A lease of 1 s and 10 more, the sweep, and another try. */
const SETTLE_MS = 60_000;

export async function actionsCampaign(
  rounds: number,
  seed: number,
  report: (line: RoundReport) => void,
): Promise<RoundReport[]> {
  const stage = await Stage.build();
  try {
    const steps: Step[] = [];
    for (let round = 1; round <= rounds; round++) {
      const step = STEPS[(round - 1) % STEPS.length]!;
      steps.push(step);
      await stage.play(round, step, seeded(seed + round));
    }
    const reports = await stage.judge(steps);
    reports.forEach(report);
    return reports;
  } finally {
    await stage.clear();
  }
}

/** A sink whose requests can be stopped at each of their steps. */
class GatedSink extends WebhookSink {
  /** Deeds by path. */
  readonly done = new Map<string, number>();
  readonly keys = new Map<string, Set<string>>();
  /** Asked at each step of a request; false cuts it off there. */
  gate: (path: string, step: Step) => Promise<boolean> = async () => true;

  protected override async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    await bodyOf(request);
    if (!(await this.gate(path, 'after sending'))) return void request.socket.destroy();
    this.done.set(path, (this.done.get(path) ?? 0) + 1);
    const keys = this.keys.get(path) ?? new Set();
    this.keys.set(path, keys.add(String(request.headers['idempotency-key'])));
    if (!(await this.gate(path, 'before the answer'))) return void request.socket.destroy();
    if (!(await this.gate(path, 'before the commit'))) return void request.socket.destroy();
    response.end('done');
  }
}

class Stage {
  private readonly sink = new GatedSink();
  private readonly cloudForms = new CloudFormsStandIn('monscale', 'cloudforms');
  private readonly cluster = new KubernetesStandIn();
  private toSink!: TcpProxy;
  private toPostgres!: TcpProxy;
  private worker!: MonscaleProcess;
  private api!: MonscaleProcess['api'];
  private throughProxy!: string;
  private readonly work = setInterval(() => this.cloudForms.tick(), 200);

  private constructor(private readonly world: World) {}

  static async build(): Promise<Stage> {
    const stage = new Stage(await World.create());
    await stage.set();
    return stage;
  }

  private async set(): Promise<void> {
    this.toSink = new TcpProxy(await this.sink.start());
    this.toPostgres = new TcpProxy(this.world.databaseUrl);
    const hook = (await this.toSink.start()).replace(/\/$/, '');
    this.throughProxy = await this.toPostgres.start();
    const [cloudForms, server] = await Promise.all([this.cloudForms.start(), this.cluster.start()]);
    this.cluster.addWorkload('farm/deployments/web', 1);
    ({ api: this.api } = await this.world.start('api,scheduler'));
    const definitions = {
      tell: { type: 'webhook', params: { url: `${hook}/tell/{{ values.round }}` } },
      once: { type: 'webhook', params: { url: `${hook}/once/{{ values.round }}`, idempotent: false } },
      provision: {
        type: 'cloudforms_provision',
        params: {
          url: cloudForms,
          username: this.cloudForms.username,
          password: this.cloudForms.password,
          api: 'rest',
          templateFields: { name: 'rhel6' },
          vmFields: { vm_name: 'web-{{ values.round }}', vlan: 'production' },
          requester: {
            owner_email: 'ops@example.com',
            owner_first_name: 'Ops',
            owner_last_name: 'Team',
            auto_approve: 'true',
          },
        },
      },
      scale: {
        type: 'kubernetes_scale',
        params: {
          namespace: 'farm',
          name: 'web',
          replicas: '{{ values.round }}',
          cluster: { server, token: this.cluster.token },
        },
      },
    };
    for (const [name, definition] of Object.entries(definitions)) {
      // A short timeout makes a short lease: what a dead worker held is found soon.
      await this.api.create('/actions', {
        name,
        timeoutSeconds: 1,
        retry: { attempts: 20, backoffSeconds: 0.2, maxBackoffSeconds: 2 },
        ...definition,
      });
    }
    // The value a trigger tells is that of the newest alert: rounds that are near each other don't share a service.
    for (let lane = 0; lane < LANES; lane++) {
      await this.api.create('/services', {
        name: `lane-${lane}`,
        metrics: { round: { type: 'alert', params: { match: { lane: String(lane) } } } },
        condition: 'round > 0',
        wisdomSeconds: 0,
        actions: Object.keys(definitions),
      });
    }
    this.worker = await this.startWorker();
  }

  private startWorker(): Promise<MonscaleProcess> {
    return this.world.start('worker', { databaseUrl: this.throughProxy });
  }

  async clear(): Promise<void> {
    clearInterval(this.work);
    await this.world.end();
    await Promise.all([
      this.toSink.stop(),
      this.toPostgres.stop(),
      this.sink.stop(),
      this.cloudForms.stop(),
      this.cluster.stop(),
    ]);
  }

  /** The worker dies at that step of the round's execution, and another one begins. */
  async play(round: number, step: Step, random: Random): Promise<void> {
    const path = random() < 0.5 ? `/tell/${round}` : `/once/${round}`;
    const goesOn = random() < 0.5;
    const dead = this.killAt(round, path, step, goesOn, random);
    await this.api.post('/alerts', {
      labels: { lane: String(round % LANES), round: String(round) },
      value: round,
    });
    await dead;
    this.sink.gate = async () => true;
    this.toSink.restore();
    this.toPostgres.restore();
    this.worker = await this.startWorker();
  }

  private async killAt(
    round: number,
    path: string,
    step: Step,
    goesOn: boolean,
    random: Random,
  ): Promise<void> {
    switch (step) {
      case 'before sending':
        this.toSink.silence();
        await this.reaches(round, path, ['running']);
        return this.worker.kill();
      case 'after sending':
      case 'before the answer':
        return this.killAtGate(path, step, goesOn);
      case 'before the commit':
        return this.killAtGate(path, step, true, async () => {
          this.toPostgres.silence();
          setTimeout(() => void this.worker.kill(), 20 + 80 * random());
        });
      case 'after the commit':
        await this.reaches(round, path, ['succeeded']);
        return this.worker.kill();
      case 'at any time':
        await sleep(400 * random());
        return this.worker.kill();
    }
  }

  /** @param goesOn what the target makes of it once the worker is dead */
  private async killAtGate(
    path: string,
    step: Step,
    goesOn: boolean,
    kill: () => Promise<void> = () => this.worker.kill(),
  ): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${path} never came ${step}`)), GATE_MS);
      this.sink.gate = async (at, when) => {
        if (at !== path || when !== step) return true;
        clearTimeout(late);
        await kill();
        resolve();
        return goesOn;
      };
    });
    await this.worker.ended;
  }

  private async reaches(round: number, path: string, statuses: string[]): Promise<void> {
    const action = path.split('/')[1];
    await until(
      async () => {
        const rows = await this.world.rows(
          `SELECT status FROM executions WHERE action_name = $1 AND variables->'values'->>'round' = $2`,
          [action, String(round)],
        );
        return statuses.includes(rows[0]?.status);
      },
      GATE_MS,
      `${path} is ${statuses.join(' or ')}`,
    );
  }

  async judge(steps: readonly Step[]): Promise<RoundReport[]> {
    const open = () =>
      this.world.rows(`SELECT id FROM executions WHERE status IN ('queued', 'running', 'waiting')`);
    await until(async () => (await open()).length === 0, SETTLE_MS, 'nothing is stuck').catch(
      () => undefined,
    );
    const executions = await this.world.rows(
      `SELECT id, action_name AS action, status, trigger_id AS trigger, (variables->'values'->>'round')::int AS round
       FROM executions ORDER BY id`,
    );
    return steps.map((step, index) => {
      const round = index + 1;
      return this.judgeRound(
        round,
        step,
        executions.filter((one) => one.round === round),
      );
    });
  }

  private judgeRound(round: number, step: Step, executions: Json[]): RoundReport {
    const violations: string[] = [];
    const ends: RoundReport['ends'] = {};
    if (new Set(executions.map(({ trigger }) => trigger)).size !== 1)
      violations.push(`${executions.length} executions of ${step}: not one trigger`);
    for (const { id, action, status } of executions) {
      if (ends[action]) violations.push(`${action} has two executions`);
      const deeds = this.deedsOf(action, round, id);
      ends[action] = { status, deeds };
      const isOnce = ONCE.includes(action);
      if (isOnce && deeds > 1) violations.push(`${action} was done ${deeds} times`);
      if (status === 'succeeded' && deeds === 0) violations.push(`${action} succeeded and was never done`);
      if (status !== 'succeeded' && !(isOnce && status === 'unknown'))
        violations.push(`${action} is ${status}`);
    }
    if (Object.keys(ends).length !== 4) violations.push('an execution is missing');
    const keys = this.sink.keys.get(`/tell/${round}`)?.size ?? 0;
    if (keys > 1) violations.push(`tell came with ${keys} keys`);
    return { round, step, ends, violations };
  }

  private deedsOf(action: string, round: number, execution: string): number {
    if (action === 'scale') return 1;
    if (action !== 'provision') return this.sink.done.get(`/${action}/${round}`) ?? 0;
    return this.cloudForms.requests.filter(({ fields }) => JSON.stringify(fields).includes(execution)).length;
  }
}
