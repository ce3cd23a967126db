/**
 * Alerts are acknowledged, and in that very moment everything is killed at once: the program and its PostgreSQL, and
 * Redis, which may lose all it has. Every acknowledged alert must be there afterwards, and each must have been acted on
 * once. They are posted; or they are informs, and the trap listener dies while more of them come.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { testPort } from '../ports';
import { killProcessesIn } from '../processes';
import { startProcess, until, type Json, type MonscaleProcess } from '../program';
import { WebhookSink } from '../stand-ins/webhook-sink';
import { COMMUNITY, InformSender, KEY_OID, OID, ROUND_OID } from './informs';
import { seeded, type Random } from './seeded';

/** What dies in a round, beside the program. */
export const DEATHS = [
  'PostgreSQL and Redis',
  'Redis, which loses all it has',
  'PostgreSQL',
  'nothing else',
] as const;
export type Death = (typeof DEATHS)[number];

/** How the alerts of a round come. */
export const WAYS = ['posted', 'informs'] as const;
export type Way = (typeof WAYS)[number];

export interface RoundReport {
  round: number;
  way: Way;
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
const QUIET_MS = 1_500;
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
      const way = WAYS[(round - 1) % WAYS.length]!;
      const death = DEATHS[Math.floor((round - 1) / WAYS.length) % DEATHS.length]!;
      const line = await stage.play(round, way, death, seeded(seed + round));
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

  private constructor(
    private readonly alerts: number,
    private readonly trapPort: number,
  ) {}

  static async build(alerts: number): Promise<Stage> {
    const stage = new Stage(alerts, await testPort());
    const url = await stage.sink.start();
    await stage.start();
    await stage.program.api.create('/sources', {
      name: 'informs',
      format: 'snmp',
      params: { communities: [COMMUNITY], events: [{ oid: OID, key: [KEY_OID] }] },
    });
    await until(() => stage.takesInforms(), SETTLE_MS, 'the listener knows its source');
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
    // The same port again: what waits on disk is the listener's of that port.
    const env = { MONSCALE_DATA_DIR: this.folder, MONSCALE_TRAP_PORT: String(this.trapPort) };
    this.program = await startProcess({ env });
  }

  async clear(): Promise<void> {
    await this.program.kill();
    await killProcessesIn(this.folder);
    await this.sink.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async takesInforms(): Promise<boolean> {
    const sender = new InformSender(this.trapPort, 0, ['first']);
    await sender.send();
    return sender.acknowledged.length > 0;
  }

  async play(round: number, way: Way, death: Death, random: Random): Promise<RoundReport> {
    const name = `round-${round}`;
    const match = way === 'posted' ? { round: String(round) } : { [ROUND_OID]: String(round) };
    await this.program.api.create('/services', {
      name,
      metrics: { outage: { type: 'alert', params: { match } } },
      condition: 'outage == 1',
      // Each alert is to be acted on.
      wisdomSeconds: 0,
      actions: ['tell'],
    });
    const keys = Array.from({ length: this.alerts }, (_, n) => `${round}-${n}`);
    const acknowledged =
      way === 'posted'
        ? await this.postUntilDeath(keys, round, death, random)
        : await this.informUntilDeath(keys, round, death, random);
    await this.start();
    return this.judge({ round, way, death }, name, acknowledged);
  }

  /** Answers the keys of those that were acknowledged. */
  private async postUntilDeath(
    keys: readonly string[],
    round: number,
    death: Death,
    random: Random,
  ): Promise<string[]> {
    const answers = await Promise.all(
      chunks(keys, this.alerts / REQUESTS).map((some) =>
        this.program.api.post(
          '/alerts',
          some.map((dedupKey) => ({ dedupKey, labels: { round: String(round) } })),
        ),
      ),
    );
    // Some have been evaluated by then, and some executed.
    await new Promise((resolve) => setTimeout(resolve, 300 * random()));
    await this.kill(death);
    return answers.flatMap(({ status, body }) =>
      status === 202 ? body.accepted.map((one: Json) => one.dedupKey as string) : [],
    );
  }

  /** The same; it dies when some of them are acknowledged. */
  private async informUntilDeath(
    keys: readonly string[],
    round: number,
    death: Death,
    random: Random,
  ): Promise<string[]> {
    const sender = new InformSender(this.trapPort, round, keys);
    const some = sender.when(Math.ceil(this.alerts * (0.1 + 0.8 * random())));
    const sent = sender.send();
    await Promise.race([some, sent]);
    await this.kill(death);
    await sent;
    return sender.acknowledged;
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
    { round, way, death }: Pick<RoundReport, 'round' | 'way' | 'death'>,
    name: string,
    acknowledged: readonly string[],
  ): Promise<RoundReport> {
    const { api } = this.program;
    const look = async () => {
      const [alerts, executions] = await Promise.all(
        ['alerts', 'executions'].map((of) => api.all(`/${of}?service=${name}`)),
      );
      const keys = alerts!.map(({ dedupKey, labels }) => (labels[KEY_OID] ?? dedupKey) as string);
      const there = new Set(keys);
      return {
        alerts: keys.length,
        there,
        executions: executions!,
        kept: acknowledged.filter((key) => there.has(key)).length,
      };
    };
    // What was sent and not acknowledged may still come: it is over when nothing new has.
    let before = -1;
    const isOver = async () => {
      await sleep(QUIET_MS);
      const { executions, alerts, kept } = await look();
      const isQuiet = executions.length === before;
      before = executions.length;
      const isDone = executions.every(({ status }) => !['queued', 'running'].includes(status));
      return kept === acknowledged.length && executions.length >= alerts && isDone && isQuiet;
    };
    await until(isOver, SETTLE_MS, 'every alert was acted on').catch(() => undefined);
    const { alerts, there, executions, kept } = await look();
    const came = this.sink.requests.filter(({ path }) => path === `/${name}`);
    const deeds = new Set(came.map(({ headers }) => headers['idempotency-key'])).size;
    const violations: string[] = [];
    const claim = (isSo: boolean, otherwise: string) => void (isSo || violations.push(otherwise));
    const isEnough = way === 'posted' ? acknowledged.length === this.alerts : acknowledged.length > 0;
    claim(isEnough, `only ${acknowledged.length} were acknowledged`);
    claim(kept === acknowledged.length, `${acknowledged.length - kept} acknowledged alerts are gone`);
    claim(there.size === alerts, 'an alert is there twice');
    claim(executions.length === there.size, `${executions.length} executions of ${there.size} alerts`);
    const others = executions.filter(({ status }) => status !== 'succeeded');
    claim(
      others.length === 0,
      `executions did not succeed: ${others.map(({ status, held, attempts }) => JSON.stringify([status, held, attempts])).join(', ')}`,
    );
    claim(deeds === executions.length, `${deeds} deeds of ${executions.length} executions`);
    const triggers = new Set(executions.map(({ trigger }) => trigger as string)).size;
    claim(triggers === executions.length, 'two executions have one trigger');
    return {
      round,
      way,
      death,
      acknowledged: acknowledged.length,
      kept,
      executions: executions.length,
      deeds,
      violations,
    };
  }
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, n) =>
    items.slice(n * size, (n + 1) * size),
  );
}
