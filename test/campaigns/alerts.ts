/**
 * Alerts are acknowledged, and in that very moment everything is killed at once: the program and its PostgreSQL, and
 * Redis, which may lose all it has. Every acknowledged alert must be there afterwards, and each must have been acted on
 * once.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { killProcessesIn } from '../processes';
import { startProcess, until, type Json, type MonscaleProcess } from '../program';
import { WebhookSink } from '../stand-ins/webhook-sink';
import { seeded, type Random } from './seeded';

/** What dies in a round, beside the program. */
export const DEATHS = [
  'PostgreSQL and Redis',
  'Redis, which loses all it has',
  'PostgreSQL',
  'nothing else',
] as const;
export type Death = (typeof DEATHS)[number];

export interface RoundReport {
  round: number;
  death: Death;
  acknowledged: number;
  /** Acknowledged alerts that are there afterwards. */
  kept: number;
  /** Their executions, and how many deeds the target saw. */
  executions: number;
  deeds: number;
  violations: string[];
}

const ALERTS = 500;
const REQUESTS = 20;
const SETTLE_MS = 60_000;

export async function alertsCampaign(
  rounds: number,
  seed: number,
  report: (line: RoundReport) => void,
  alerts = ALERTS,
): Promise<RoundReport[]> {
  const stage = await Stage.build(alerts);
  const reports: RoundReport[] = [];
  try {
    for (let round = 1; round <= rounds; round++) {
      const line = await stage.play(round, DEATHS[(round - 1) % DEATHS.length]!, seeded(seed + round));
      reports.push(line);
      report(line);
    }
    return reports;
  } finally {
    await stage.clear();
  }
}

class Stage {
  private readonly folder = mkdtempSync(join(tmpdir(), 'monscale-alerts-'));
  private readonly sink = new WebhookSink();
  private program!: MonscaleProcess;

  private constructor(private readonly alerts: number) {}

  static async build(alerts: number): Promise<Stage> {
    const stage = new Stage(alerts);
    const url = await stage.sink.start();
    await stage.start();
    // A short timeout makes a short lease: what a dead worker held is found soon.
    await stage.program.api.create('/actions', {
      name: 'tell',
      type: 'webhook',
      params: { url: `${url}/{{ service.name }}` },
      timeoutSeconds: 1,
    });
    return stage;
  }

  private async start(): Promise<void> {
    this.program = await startProcess({ env: { MONSCALE_DATA_DIR: this.folder } });
  }

  async clear(): Promise<void> {
    await this.program.kill();
    await killProcessesIn(this.folder);
    await this.sink.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async play(round: number, death: Death, random: Random): Promise<RoundReport> {
    const name = `round-${round}`;
    await this.program.api.create('/services', {
      name,
      metrics: { outage: { type: 'alert', params: { match: { round: String(round) } } } },
      condition: 'outage == 1',
      // Each alert is to be acted on.
      wisdomSeconds: 0,
      actions: ['tell'],
    });
    const acknowledged = await this.post(round);
    // Some have been evaluated by then, and some executed.
    await new Promise((resolve) => setTimeout(resolve, 300 * random()));
    await this.kill(death);
    await this.start();
    return this.judge(round, name, death, acknowledged);
  }

  /** Answers the keys of those that were acknowledged. */
  private async post(round: number): Promise<string[]> {
    const share = this.alerts / REQUESTS;
    const keys = Array.from({ length: this.alerts }, (_, n) => `${round}-${n}`);
    const answers = await Promise.all(
      Array.from({ length: REQUESTS }, (_, request) =>
        this.program.api.post(
          '/alerts',
          keys
            .slice(request * share, (request + 1) * share)
            .map((dedupKey) => ({ dedupKey, labels: { round: String(round), n: dedupKey } })),
        ),
      ),
    );
    return answers.flatMap(({ status, body }) =>
      status === 202 ? body.accepted.map((one: Json) => one.dedupKey as string) : [],
    );
  }

  private async kill(death: Death): Promise<void> {
    const files = [
      ...(death.startsWith('PostgreSQL') ? ['postgres/postmaster.pid'] : []),
      ...(death.includes('Redis') ? ['redis/redis.pid'] : []),
    ];
    for (const file of files)
      process.kill(parseInt(readFileSync(join(this.folder, file), 'utf8')), 'SIGKILL');
    await this.program.kill();
    if (!death.startsWith('Redis')) return;
    for (const kept of ['appendonlydir', 'dump.rdb'])
      rmSync(join(this.folder, 'redis', kept), { recursive: true, force: true });
  }

  private async judge(
    round: number,
    name: string,
    death: Death,
    acknowledged: string[],
  ): Promise<RoundReport> {
    const { api } = this.program;
    const isOver = async () => {
      const [executions, open] = await Promise.all([
        api.all(`/executions?service=${name}`),
        Promise.all(
          ['queued', 'running'].map((status) => api.all(`/executions?service=${name}&status=${status}`)),
        ),
      ]);
      return executions.length >= acknowledged.length && open.flat().length === 0;
    };
    await until(isOver, SETTLE_MS, 'every alert was acted on').catch(() => undefined);
    const alerts = await api.all(`/alerts?service=${name}`);
    const executions = await api.all(`/executions?service=${name}`);
    const there = new Set(alerts.map(({ dedupKey }) => dedupKey as string));
    const kept = acknowledged.filter((key) => there.has(key)).length;
    const came = this.sink.requests.filter(({ path }) => path === `/${name}`);
    const deeds = new Set(came.map(({ headers }) => headers['idempotency-key'])).size;
    const violations: string[] = [];
    const claim = (isSo: boolean, otherwise: string) => void (isSo || violations.push(otherwise));
    claim(acknowledged.length === this.alerts, `only ${acknowledged.length} were acknowledged`);
    claim(kept === acknowledged.length, `${acknowledged.length - kept} acknowledged alerts are gone`);
    claim(there.size === alerts.length, 'an alert is there twice');
    claim(executions.length === there.size, `${executions.length} executions of ${there.size} alerts`);
    claim(
      executions.every(({ status }) => status === 'succeeded'),
      'an execution did not succeed',
    );
    claim(deeds === executions.length, `${deeds} deeds of ${executions.length} executions`);
    const triggers = new Set(executions.map(({ trigger }) => trigger as string)).size;
    claim(triggers === executions.length, 'two executions have one trigger');
    return {
      round,
      death,
      acknowledged: acknowledged.length,
      kept,
      executions: executions.length,
      deeds,
      violations,
    };
  }
}
