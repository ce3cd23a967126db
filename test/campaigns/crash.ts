/**
 * Kills the program, and in the full campaign its PostgreSQL and Redis as well, at random moments of one story, starts
 * it again and looks for what went wrong: a trigger too early, too late or twice, an execution lost or done twice.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ObjectType } from 'net-snmp';
import { killProcessesIn } from '../processes';
import { startProcess, until, World, type Api, type Json, type MonscaleProcess } from '../program';
import { startSnmpAgent, type StandIn } from '../stand-ins/snmp-agents';
import { WebhookSink } from '../stand-ins/webhook-sink';
import { seeded, type Random } from './seeded';

/** Something that runs the program and can be killed. */
export interface Installation {
  start(): Promise<MonscaleProcess>;
  /** The servers it uses too, where they are its own. */
  kill(program: MonscaleProcess, withServers: boolean): Promise<void>;
  end(): Promise<void>;
}

export interface MomentReport {
  moment: number;
  /** Seconds into the story. */
  killedAfter: number;
  /** Seconds from the kill to being ready again. */
  downFor: number;
  withServers: boolean;
  triggers: number;
  executions: number;
  /** Ended `unknown`: only for those that must not be done twice. */
  unknown: number;
  /** Idempotent calls that were made again with the same key. */
  repeated: number;
  violations: string[];
}

const INTERVAL_MS = 1_000;
const POLLED = { holdMs: 3_000, wisdomMs: 4_000 };
const ALERTED = { holdMs: 2_000, wisdomMs: 4_000 };
const BURST = 10;
const STORY_MS = 9_000;
const MOST_DOWN_MS = 6_000;
/** What a decision may take beyond its moment. */
const SLACK_MS = 1_500;
/** A moment whose job died with its worker is found by the sweep: 3 s late, every 2 s. */
const SWEEP_MS = 5_000;
const OID = '1.3.6.1.4.1.99999.1';

export async function crashCampaign(
  moments: number,
  seed: number,
  install: () => Promise<Installation>,
  report: (line: MomentReport) => void,
  lanes = 1,
): Promise<MomentReport[]> {
  const left = Array.from({ length: moments }, (_, moment) => moment);
  const reports: MomentReport[] = [];
  const lane = async () => {
    const stage = await Stage.build(await install());
    try {
      for (let moment = left.shift(); moment !== undefined; moment = left.shift()) {
        const line = await stage.play(moment, seeded(seed + moment));
        reports.push(line);
        report(line);
      }
    } finally {
      await stage.clear();
    }
  };
  await Promise.all(Array.from({ length: Math.min(lanes, moments) }, lane));
  return reports;
}

/** The program, and the world around it that outlives it. */
class Stage {
  private constructor(
    private readonly installation: Installation,
    private program: MonscaleProcess,
    private readonly sink: WebhookSink,
    private readonly agent: StandIn,
  ) {}

  static async build(installation: Installation): Promise<Stage> {
    const sink = new WebhookSink();
    sink.always = { delayMs: 100 };
    const url = await sink.start();
    const agent = await startSnmpAgent([{ oid: OID, type: ObjectType.Integer, value: 93 }]);
    const program = await installation.start();
    for (const [name, idempotent] of [
      ['tell', true],
      ['once', false],
    ] as const) {
      const params = { url: `${url}/${name}`, idempotent };
      // A short timeout makes a short lease: what a dead worker held is found soon.
      await program.api.create('/actions', { name, type: 'webhook', params, timeoutSeconds: 1 });
    }
    return new Stage(installation, program, sink, agent);
  }

  private get api(): Api {
    return this.program.api;
  }

  async clear(): Promise<void> {
    await this.installation.end();
    await Promise.all([this.sink.stop(), this.agent.close()]);
  }

  async play(moment: number, random: Random): Promise<MomentReport> {
    const killAfterMs = random() * STORY_MS;
    const downMs = random() * MOST_DOWN_MS;
    const burstBeforeMs = random() * 300;
    const withServers = random() < 0.5;

    const names = await this.define(moment);
    const begunAt = Date.now();
    await this.fire([names.alerted]);
    await sleep(Math.max(0, begunAt + killAfterMs - burstBeforeMs - Date.now()));
    const burst = this.fire(names.burst).then(
      () => true,
      () => false,
    );
    await sleep(Math.max(0, begunAt + killAfterMs - Date.now()));
    await this.installation.kill(this.program, withServers);
    const killedAt = Date.now();
    await sleep(downMs);
    this.program = await this.installation.start();
    const readyAt = Date.now();
    // As a sender does that was not answered.
    if (!(await burst)) await this.fire(names.burst);

    await sleep(
      Math.max(begunAt + STORY_MS, readyAt + POLLED.holdMs + POLLED.wisdomMs + SLACK_MS) - Date.now(),
    );
    const endedAt = Date.now();
    const story = { begunAt, killedAt, readyAt, endedAt };
    for (const name of [names.polled, names.alerted])
      await this.api.patch(`/services/${name}`, { enabled: false });
    const violations = await this.wentOn(names, story);
    const executions = await this.executions(names, violations);
    return {
      moment,
      killedAfter: (killedAt - begunAt) / 1_000,
      downFor: (readyAt - killedAt) / 1_000,
      withServers,
      ...executions,
      violations,
    };
  }

  private async define(moment: number): Promise<Names> {
    const alertOnly = (name: string, holdSeconds: number, wisdomSeconds: number) => ({
      name,
      metrics: { outage: { type: 'alert', params: { match: { host: name } } } },
      condition: 'outage > 0',
      holdSeconds,
      wisdomSeconds,
      actions: ['tell', 'once'],
    });
    const polled = `polled-${moment}`;
    const alerted = `alerted-${moment}`;
    const burst = Array.from({ length: BURST }, (_, index) => `burst-${moment}-${index}`);
    for (const name of burst) await this.api.create('/services', alertOnly(name, 0, 3_600));
    await this.api.create('/services', alertOnly(alerted, ALERTED.holdMs / 1_000, ALERTED.wisdomMs / 1_000));
    await this.api.create('/services', {
      name: polled,
      intervalSeconds: INTERVAL_MS / 1_000,
      metrics: {
        cpu: { type: 'snmp_oid', params: { host: '127.0.0.1', port: this.agent.port, oid: `${OID}.0` } },
      },
      condition: 'cpu > 80',
      holdSeconds: POLLED.holdMs / 1_000,
      wisdomSeconds: POLLED.wisdomMs / 1_000,
      actions: ['tell', 'once'],
    });
    return { polled, alerted, burst };
  }

  private async fire(hosts: string[]): Promise<void> {
    const { status } = await this.api.post(
      '/alerts',
      hosts.map((host) => ({ labels: { host } })),
    );
    if (status !== 202) throw new Error(`POST /alerts answered ${status}`);
  }

  /** Did hold and wisdom time go on as if nothing had been? */
  private async wentOn({ polled, alerted, burst }: Names, story: Story): Promise<string[]> {
    const { points } = (await this.api.get(`/services/${polled}/samples`)).body;
    const sightings = points.map(([at]: [string]) => Date.parse(at));
    const bursts = await Promise.all(burst.map(async (name) => ({ name, ...(await this.ledger(name)) })));
    const [ofPolled, ofAlerted] = [await this.ledger(polled), await this.ledger(alerted)];
    return [
      ...ofPolled.gaps,
      ...ofAlerted.gaps,
      ...polledViolations(sightings, ofPolled.triggers, story),
      ...alertedViolations(ofAlerted.triggers, story),
      ...bursts.flatMap(({ name, triggers }) =>
        triggers.length === 1 ? [] : [`${name} triggered ${triggers.length} times`],
      ),
    ];
  }

  private async ledger(service: string): Promise<{ triggers: number[]; gaps: string[] }> {
    const entries: Json[] = (
      await this.api.get(`/services/${service}/decisions?limit=500`)
    ).body.items.reverse();
    const gaps = entries
      .slice(1)
      .flatMap(({ from }, index) =>
        entries[index].to === from ? [] : [`${service}: a gap in its ledger at ${from}`],
      );
    return { gaps, triggers: entries.flatMap(({ trigger, from }) => (trigger ? [Date.parse(from)] : [])) };
  }

  /** Every trigger has one execution for each action, each ends, and the targets saw what they should. */
  private async executions({ polled, alerted, burst }: Names, violations: string[]) {
    const open = async () => {
      const lists = ['queued', 'running'].map((status) => this.api.all(`/executions?status=${status}`));
      return (await Promise.all(lists)).flat();
    };
    await until(async () => (await open()).length === 0, 40_000).catch(async () =>
      violations.push(...(await open()).map(({ id, status }) => `execution ${id} stays ${status}`)),
    );
    const names = [polled, alerted, ...burst];
    const executions = (
      await Promise.all(names.map((name) => this.api.all(`/executions?service=${name}`)))
    ).flat();
    const triggers = new Set<string>();
    for (const name of names) {
      const { items } = (await this.api.get(`/services/${name}/decisions?limit=500`)).body;
      for (const { trigger } of items) if (trigger) triggers.add(trigger);
    }
    for (const trigger of triggers) {
      const actions = executions.filter((one) => one.trigger === trigger).map(({ action }) => action);
      if (actions.sort().join() !== 'once,tell')
        violations.push(`trigger ${trigger} led to: ${actions.join()}`);
    }
    const strays = executions.filter(({ trigger }) => !triggers.has(trigger));
    violations.push(...strays.map(({ id }) => `execution ${id} belongs to no trigger`));

    const calls = (key: string) =>
      this.sink.requests.filter(({ headers }) => headers['idempotency-key'] === key).length;
    let [unknown, repeated] = [0, 0];
    for (const { id, action, status } of executions) {
      const called = calls(id);
      if (action === 'tell' && called > 1) repeated++;
      if (action === 'once' && called > 1) violations.push(`execution ${id} was done ${called} times`);
      if (status === 'unknown' && action === 'once') unknown++;
      else if (status !== 'succeeded') violations.push(`execution ${id} (${action}) is ${status}`);
      else if (called === 0) violations.push(`execution ${id} succeeded and was never done`);
    }
    return { triggers: triggers.size, executions: executions.length, unknown, repeated };
  }
}

interface Names {
  polled: string;
  alerted: string;
  burst: string[];
}

interface Story {
  begunAt: number;
  killedAt: number;
  readyAt: number;
  endedAt: number;
}

/**
 * What the rule must have made of the readings there were. A reading is written and evaluated side by side: the last
 * ones before the kill may be written and not evaluated, or evaluated and not written; so may the very last one, as the
 * service is disabled then.
 */
function polledViolations(sightings: number[], triggers: number[], story: Story): string[] {
  const last = sightings.filter((at) => at <= story.killedAt).at(-1);
  const final = sightings.filter((at) => at > story.endedAt - INTERVAL_MS - SLACK_MS).at(-1);
  const written = [[], [last], [final], [last, final]].map((unevaluated) =>
    replay(sightings, triggers, unevaluated),
  );
  const unwritten = last === undefined ? [] : ticksAfter(last, story.killedAt);
  // Those that were evaluated and not written: the first, the first two, and so on.
  const read = unwritten.map((_, index) =>
    replay(
      [...sightings, ...unwritten.slice(0, index + 1)].sort((x, y) => x - y),
      triggers,
      [],
    ),
  );
  const variants = [...written, ...read];
  const violations = variants.find((variant) => variant.length === 0) ?? variants[0]!;
  if (violations.length > 0) {
    const seen = sightings.map((at) => (triggers.includes(at) ? `${clock(at)} (trigger)` : clock(at)));
    violations.push(`killed at ${clock(story.killedAt)}, readings at ${seen.join(', ')}`);
  }
  const resumedAt = sightings.find((at) => at > story.killedAt);
  if (resumedAt === undefined || resumedAt > story.readyAt + INTERVAL_MS + SLACK_MS)
    violations.push('it was not polled again in time');
  return violations;
}

/** Moments at which the service was due after its last reading, up to the kill; no more than a slow machine leaves open. */
function ticksAfter(last: number, killedAt: number): number[] {
  const count = Math.floor(Math.min(killedAt - last, INTERVAL_MS + SLACK_MS) / INTERVAL_MS);
  return Array.from({ length: count }, (_, index) => last + (index + 1) * INTERVAL_MS);
}

function replay(
  sightings: number[],
  triggers: number[],
  unevaluated: readonly (number | undefined)[],
): string[] {
  const violations = triggers
    .filter((at) => !sightings.includes(at))
    .map((at) => `triggered at ${clock(at)} without a reading`);
  let pendingSince: number | undefined;
  let lastTrigger = -Infinity;
  let previous: number | undefined;
  for (const now of sightings) {
    // What was kept and not evaluated, the rule has not seen.
    if (unevaluated.includes(now)) continue;
    const unseenMs = now - (previous ?? now);
    previous = now;
    if (pendingSince !== undefined && unseenMs > 3 * INTERVAL_MS) pendingSince += unseenMs;
    pendingSince ??= now;
    const isDue = now - pendingSince >= POLLED.holdMs && now - lastTrigger >= POLLED.wisdomMs;
    const hasTriggered = triggers.includes(now);
    if (hasTriggered && !isDue) violations.push(`triggered too early, at ${clock(now)}`);
    if (!hasTriggered && isDue) violations.push(`did not trigger at ${clock(now)}`);
    if (!hasTriggered) continue;
    lastTrigger = now;
    pendingSince = undefined;
  }
  return violations;
}

/** Its alert lives all the time, also while the program does not. */
function alertedViolations(triggers: number[], { begunAt, killedAt, readyAt, endedAt }: Story): string[] {
  const violations: string[] = [];
  let due = begunAt + ALERTED.holdMs;
  for (const at of triggers) {
    if (at < due) violations.push(`an alert triggered too early, at ${clock(at)}`);
    if (at > latest(due)) violations.push(`an alert triggered too late, at ${clock(at)} for ${clock(due)}`);
    due = at + ALERTED.wisdomMs;
  }
  if (endedAt > latest(due)) violations.push(`an alert did not trigger at ${clock(due)}`);
  return violations;

  function latest(moment: number): number {
    const isDisturbed = moment > killedAt - SLACK_MS && moment < readyAt;
    return isDisturbed ? readyAt + SWEEP_MS + SLACK_MS : moment + SLACK_MS;
  }
}

const clock = (at: number): string => new Date(at).toISOString().slice(11, 23);

/** On the servers that all specs share: only the program dies. */
export async function onTestServers(): Promise<Installation> {
  const world = await World.create();
  return { start: () => world.start(), kill: (program) => program.kill(), end: () => world.end() };
}

/** As `npm start` runs it, servers of its own included. */
export async function onEmbeddedServers(): Promise<Installation> {
  const folder = mkdtempSync(join(tmpdir(), 'monscale-crash-'));
  let program: MonscaleProcess;
  return {
    start: async () => (program = await startProcess({ env: { MONSCALE_DATA_DIR: folder } })),
    async kill(program, withServers) {
      const files = withServers ? ['postgres/postmaster.pid', 'redis/redis.pid'] : [];
      for (const file of files) process.kill(parseInt(readFileSync(join(folder, file), 'utf8')), 'SIGKILL');
      await program.kill();
    },
    async end() {
      await program.stop();
      await killProcessesIn(folder);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
