/**
 * A rolling update under load, from the version before to this one and back to the old program on the new schema, as Kubernetes
 * does it. What was accepted is found and acted on, nothing is done twice, nobody is answered an error but "come again",
 * and services are read all the time.
 */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Api, until } from '../program';
import { integer, getIn, responseTo, startUdp, type StandIn } from '../stand-ins/snmp-agents';
import { WebhookSink } from '../stand-ins/webhook-sink';
import { COMMUNITY, KEY_OID, OID } from './informs';
import { TcpBalancer, UdpBalancer } from './rolling/balancer';
import { check, countOpen, countRead } from './rolling/checks';
import { AlertLoad, hostOf, InformLoad, type Counts, type Rates } from './rolling/load';
import type { Version } from './rolling/version';
import { migrated, Rollout, type Servers, type Workload } from './rolling/workloads';

export interface RollingOptions {
  from: Version;
  to: Version;
  servers: Servers;
  rates: Rates;
  /** Polls in a second. */
  polls: number;
  /** Of each workload. */
  replicas: number;
  /** Whether polls have workers of their own, as in production. */
  splits: boolean;
  /** Whether workloads are updated one after another; else all at once, which starts all programs at once, too. */
  inTurn: boolean;
  /** Between the updates, seconds. */
  steadySeconds: number;
  /** What comes to the schema beside the migrations of the new version. */
  alsoMigrate?: () => Promise<void>;
}

export interface PhaseReport extends Counts {
  phase: string;
  seconds: number;
  /** Alerts that were accepted in it. */
  accepted: number;
}

export interface RollingReport {
  phases: PhaseReport[];
  alerts: number;
  informs: number;
  executions: number;
  readings: number;
  longestGapSeconds: number;
  excused: number;
  /** Connections to the API that no pod took. */
  untaken: number;
  violations: string[];
  /** Where the output of all pods is kept, when something is wrong. */
  logs?: string;
}

const INTERVAL_SECONDS = 10;
const AGENTS = 16;
const SETTLE_MS = 60_000;
/** What a process says of a machine that has no time for it, or for PostgreSQL. */
const STANDSTILL = /"msg":"[^"]*(?:the machine is overloaded|no answer in|gave no sign of life)/;
const LEVELS = /"level":"(?:error|fatal)"/;

export async function rollingCampaign(
  options: RollingOptions,
  report: (phase: PhaseReport) => void = () => undefined,
): Promise<RollingReport> {
  const stage = new Stage(options, report);
  try {
    return await stage.play();
  } finally {
    await stage.clear();
  }
}

class Stage {
  private readonly violations: string[] = [];
  private readonly tell = (violation: string): void => {
    // The first of a kind tell enough.
    if (this.violations.length < 50) this.violations.push(violation);
  };
  private readonly http = new TcpBalancer();
  private readonly traps = new UdpBalancer();
  private readonly sink = new WebhookSink();
  private readonly agents: StandIn[] = [];
  private readonly rollouts: Rollout[];
  private readonly phases: PhaseReport[] = [];
  private alerts!: AlertLoad;
  private informs!: InformLoad;

  constructor(
    private readonly options: RollingOptions,
    private readonly report: (phase: PhaseReport) => void,
  ) {
    this.rollouts = this.workloads().map((one) => new Rollout(one, options.servers, this.tell));
  }

  /** In the order in which they are updated. */
  private workloads(): Workload[] {
    const { replicas, splits } = this.options;
    const worker = (queues: string): Workload => ({
      name: `worker-${queues.replace(',', '-')}`,
      roles: 'worker',
      replicas,
      env: { MONSCALE_QUEUES: queues },
    });
    return [
      { name: 'scheduler', roles: 'scheduler', replicas },
      ...(splits ? ['polls', 'alerts,actions'] : ['polls,alerts,actions']).map(worker),
      { name: 'trap', roles: 'trap', replicas, isStateful: true, balancer: this.traps },
      { name: 'api', roles: 'api', replicas, balancer: this.http },
    ];
  }

  async play(): Promise<RollingReport> {
    const { from, to, servers, rates, polls, steadySeconds } = this.options;
    const httpPort = await this.http.start();
    this.alerts = new AlertLoad(httpPort, rates, this.tell);
    this.informs = new InformLoad(await this.traps.start(), rates.informs, this.tell);
    await migrated(from, servers);
    await Promise.all(this.rollouts.map((one) => one.start(from)));
    const services = polls * INTERVAL_SECONDS;
    await this.define(new Api(`http://127.0.0.1:${httpPort}/api/v1`), services);
    await this.informs.first();

    const isRead = async () => (await countRead(servers.databaseUrl)) === services;
    await until(isRead, SETTLE_MS, 'each service has been read once');
    const begun = new Date();
    this.alerts.start();
    this.informs.start();
    const steady = () => sleep(steadySeconds * 1_000);
    await this.phase('steady, before', steady);
    await this.phase(`to ${to.name}`, () => this.update(to, this.options.alsoMigrate));
    await this.phase('steady, after', steady);
    await this.phase(`back to ${from.name}`, () => this.update(from));
    await this.phase('steady, back', steady);
    const ended = new Date();
    await Promise.all([this.alerts.end(), this.informs.end()]);

    const isOver = async () => (await countOpen(servers.databaseUrl)) === 0;
    await until(isOver, SETTLE_MS, 'everything that was accepted has ended').catch((error: Error) =>
      this.tell(error.message),
    );
    await Promise.all(this.rollouts.map((one) => one.end()));
    const { violations, ...figures } = await check({
      databaseUrl: servers.databaseUrl,
      acceptedAlerts: this.alerts.accepted,
      toActOn: this.alerts.toActOn,
      acknowledgedInforms: this.informs.acknowledged,
      target: this.sink.requests,
      services,
      intervalSeconds: INTERVAL_SECONDS,
      from: begun,
      to: ended,
      standstills: this.standstills(),
    });
    const all = [...this.violations, ...violations, ...this.errorsSaid()];
    return {
      phases: this.phases,
      alerts: this.alerts.accepted.length,
      informs: this.informs.acknowledged.length,
      ...figures,
      untaken: this.http.untaken,
      violations: all,
      ...(all.length > 0 && { logs: this.keepLogs() }),
    };
  }

  /**
   * In turn as docs/operations.md advises, or all workloads at once, as `kubectl apply` has it: their new pods wait until the
   * Job has migrated.
   */
  private async update(version: Version, alsoMigrate = async (): Promise<void> => undefined): Promise<void> {
    const job = migrated(version, this.options.servers).then(alsoMigrate);
    if (!this.options.inTurn) await Promise.all([job, ...this.rollouts.map((one) => one.roll(version))]);
    else {
      await job;
      for (const one of this.rollouts) await one.roll(version);
    }
  }

  private async phase(phase: string, work: () => Promise<void>): Promise<void> {
    const [begun, before] = [performance.now(), this.alerts.accepted.length];
    this.alerts.taken();
    await work();
    const line = {
      phase,
      seconds: (performance.now() - begun) / 1_000,
      accepted: this.alerts.accepted.length - before,
      ...this.alerts.taken(),
    };
    this.phases.push(line);
    this.report(line);
  }

  private async define(api: Api, services: number): Promise<void> {
    const { rates } = this.options;
    const url = await this.sink.start();
    for (let index = 0; index < AGENTS; index++) this.agents.push(await startAgent());
    const definitions = {
      monscale: 1,
      sources: [
        {
          name: 'informs',
          format: 'snmp',
          params: { communities: [COMMUNITY], events: [{ oid: OID, key: [KEY_OID] }] },
        },
      ],
      actions: [
        {
          name: 'once',
          type: 'webhook',
          params: { url: `${url}/{{ alert.labels.n }}`, idempotent: false },
          // A worker that the machine lets stand still sends nothing, which counts as a try.
          retry: { attempts: 10, backoffSeconds: 1 },
        },
      ],
      services: [
        ...Array.from({ length: rates.services }, (_, index) => ({
          name: `acts-${index}`,
          metrics: { outage: { type: 'alert', params: { match: { host: hostOf(index) } } } },
          condition: 'outage > 0',
          wisdomSeconds: 0,
          actions: ['once'],
        })),
        ...Array.from({ length: services }, (_, index) => ({
          name: `polled-${index}`,
          intervalSeconds: INTERVAL_SECONDS,
          metrics: {
            load: {
              type: 'snmp_oid',
              params: {
                host: '127.0.0.1',
                port: this.agents[index % AGENTS]!.port,
                oid: `1.3.6.1.4.1.97.${index}.0`,
              },
            },
          },
          condition: 'load > 1',
        })),
      ],
    };
    // The same twice is once, where the first answer did not come.
    const answer = await api.post('/import', definitions).catch(() => api.post('/import', definitions));
    if (answer.status !== 200)
      throw new Error(
        `POST /import answered ${answer.status}: ${JSON.stringify(answer.body).slice(0, 1_000)}`,
      );
  }

  private standstills(): Date[] {
    const lines = this.rollouts.flatMap(({ all }) => all.flatMap((pod) => pod.output.split('\n')));
    return lines
      .filter((line) => STANDSTILL.test(line))
      .map((line) => new Date((JSON.parse(line) as { time: string }).time));
  }

  /** Lines that operators look into: an update makes none. */
  private errorsSaid(): string[] {
    return this.rollouts.flatMap(({ all }) =>
      all.flatMap((pod) => {
        const lines = pod.output.split('\n').filter((line) => LEVELS.test(line));
        return lines.length === 0
          ? []
          : [`${pod.name} said ${lines.length} times such as: ${lines[0]!.slice(0, 600)}`];
      }),
    );
  }

  private keepLogs(): string {
    const folder = mkdtempSync(join(tmpdir(), 'monscale-rolling-'));
    for (const { all } of this.rollouts)
      for (const [index, pod] of all.entries())
        writeFileSync(join(folder, `${pod.workload.name}-${index}.log`), pod.output);
    return folder;
  }

  async clear(): Promise<void> {
    await Promise.all(this.rollouts.map((one) => one.kill()));
    await Promise.all([this.sink.stop(), ...this.agents.map((one) => one.close())]);
    await Promise.all([this.http.stop(), this.traps.stop()]);
  }
}

/** Whatever it is asked for is 1. */
function startAgent(): Promise<StandIn> {
  return startUdp((message, { port, address }, socket) => {
    const asked = getIn(message);
    socket.send(
      responseTo(
        asked,
        asked.oids.map((oid) => [oid, integer(1)]),
      ),
      port,
      address,
    );
  });
}
