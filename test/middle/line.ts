import { DiscoveryModule } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { AlertValues } from '../../src/alerts/alert-values';
import { CLOCK, ManualClock } from '../../src/common/clock';
import { newId } from '../../src/common/ids';
import { Secrets } from '../../src/common/secrets';
import { CONFIG } from '../../src/config/config';
import { Database } from '../../src/database/database';
import { changeDefinitions, DefinitionStore } from '../../src/database/definitions';
import { InfrastructureRow, ServiceRow } from '../../src/database/entities';
import { SampleWriter } from '../../src/history/sample-writer';
import { Samples } from '../../src/history/samples';
import { Alert } from '../../src/metrics/mappings/alert.metric';
import { StaticCount } from '../../src/metrics/mappings/static-count.metric';
import { MetricRegistry } from '../../src/metrics/metric-registry';
import { PoliciesModule } from '../../src/policies/policies.module';
import { NodeCounter } from '../../src/polling/node-counter';
import { NodeLister } from '../../src/polling/node-lister';
import { Reads } from '../../src/polling/reads';
import { LocalDispatch } from '../../src/queue/local-dispatch';
import { Queues } from '../../src/queue/queues';
import { Announcer } from '../../src/rules/announcer';
import { Evaluator } from '../../src/rules/evaluator';
import { FeedingAlerts } from '../../src/rules/feeding-alerts';
import { Ledger } from '../../src/rules/ledger';
import { Observer } from '../../src/rules/observer';
import { RuleCompiler } from '../../src/rules/rule-compiler';
import { ServiceLoader } from '../../src/rules/service-loader';
import type { ServiceObservation } from '../../src/rules/service-observation';
import { SilenceBook } from '../../src/silences/silence-book';
import { openTestDatabase } from '../databases';
import { infrastructureColumns, serviceColumns } from './definitions';

/** What a process makes of an observation, all of it real. */
const REAL = [
  AlertValues,
  Announcer,
  Evaluator,
  FeedingAlerts,
  Ledger,
  LocalDispatch,
  Observer,
  Reads,
  RuleCompiler,
  Samples,
  SampleWriter,
  ServiceLoader,
  SilenceBook,
  MetricRegistry,
  Alert,
  StaticCount,
];

/** Moment of the clock at the beginning: now, as silences that are long over by PostgreSQL's time are not read. */
export const BEGIN = new Date(Math.floor(Date.now() / 1_000) * 1_000);

/** A process that evaluates, with caches and places of its own. */
export interface LineProcess {
  evaluator: Evaluator;
  ledger: Ledger;
  dispatch: LocalDispatch;
  /** Reads services as they are stored now, and observes them, in this order, with these loads. */
  see(loads: Record<string, number>): Promise<ServiceObservation[]>;
}

export interface Decision {
  reason: string;
  from: Date;
  to: Date | null;
  trigger: string | null;
}

export interface WrittenExecution {
  id: string;
  service: string;
  status: string;
  worker: string | null;
}

/**
 * The line from an observation to its commit, on a PostgreSQL of a spec's own and in its process.
 *
 * Replaced are its two ends alone: nodes are counted by the spec, and Redis takes whatever comes.
 */
export class Line {
  readonly clock = new ManualClock(BEGIN);
  /** Nodes of infrastructures, by name; those of others can't be counted. */
  readonly nodes = new Map<string, number>();
  /** Infrastructures that were counted, by name, in this order. */
  readonly counted: string[] = [];
  /** Executions that were put on the queue. */
  readonly queued: string[] = [];
  /** What else happens while nodes are counted. */
  onCount: (infrastructure: string) => Promise<unknown> = () => Promise.resolve();
  private readonly services: DefinitionStore<ServiceRow>;
  private readonly infrastructures: DefinitionStore<InfrastructureRow>;
  private readonly ids = new Map<string, string>();

  private constructor(
    readonly database: Database,
    readonly end: () => Promise<void>,
  ) {
    const kept = { isLabelled: true, writes: 'editor' } as const;
    this.services = new DefinitionStore(database, this.clock, ServiceRow, 'service', kept);
    this.infrastructures = new DefinitionStore(
      database,
      this.clock,
      InfrastructureRow,
      'infrastructure',
      kept,
    );
  }

  static async open(): Promise<Line> {
    const { database, end } = await openTestDatabase();
    return new Line(database, end);
  }

  /** Removes everything but the tables, and sets the clock to the beginning. */
  async clear(): Promise<void> {
    await this.database.rows(
      `TRUNCATE services, actions, infrastructures, service_states, infrastructure_states, decisions, triggers, executions, silences CASCADE`,
    );
    await this.setKillSwitch(false);
    this.clock.set(BEGIN);
    this.nodes.clear();
    this.ids.clear();
    this.counted.length = this.queued.length = 0;
    this.onCount = () => Promise.resolve();
  }

  async process(): Promise<LineProcess> {
    const counter = { count: (row: InfrastructureRow) => this.count(row) };
    const queues = {
      addExecutions: (some: { id: string }[]) =>
        Promise.resolve(this.queued.push(...some.map(({ id }) => id))),
      addServices: () => Promise.resolve(true),
    };
    const module = await Test.createTestingModule({
      imports: [DiscoveryModule, PoliciesModule],
      providers: [
        ...REAL,
        { provide: Database, useValue: this.database },
        { provide: CLOCK, useValue: this.clock },
        { provide: CONFIG, useValue: { killSwitch: false } },
        { provide: Secrets, useValue: new Secrets([]) },
        { provide: NodeCounter, useValue: counter },
        { provide: NodeLister, useValue: {} },
        { provide: Queues, useValue: queues },
      ],
    }).compile();
    const [loader, observer] = [module.get(ServiceLoader), module.get(Observer)];
    return {
      evaluator: module.get(Evaluator),
      ledger: module.get(Ledger),
      dispatch: module.get(LocalDispatch),
      see: async (loads) => {
        const ids = Object.keys(loads).map((name) => this.idOf(name));
        const found = await loader.byIds(ids);
        const byId = new Map(found.map((snapshot) => [snapshot.compiled.service.id, snapshot]));
        return Object.values(loads).map((value, index) =>
          observer.observation(byId.get(ids[index]!)!, { load: { value } }, new Map(), this.clock.now()),
        );
      },
    };
  }

  private async count({ name }: InfrastructureRow): Promise<{ nodes: number; at: Date }> {
    this.counted.push(name);
    await this.onCount(name);
    const nodes = this.nodes.get(name);
    if (nodes === undefined) throw new Error(`the nodes of ${name} can't be counted`);
    return { nodes, at: this.clock.now() };
  }

  idOf(name: string): string {
    const id = this.ids.get(name);
    if (id === undefined) throw new Error(`nothing is named ${name} here`);
    return id;
  }

  private newId(name: string): string {
    const id = newId();
    this.ids.set(name, id);
    return id;
  }

  async service(name: string, given: Partial<ServiceRow> = {}): Promise<ServiceRow> {
    const row = this.services.row(serviceColumns(name, given), this.newId(name));
    await changeDefinitions(this.database, name, (manager) => this.services.insert(manager, [row]));
    return row;
  }

  async change(before: ServiceRow, given: Partial<ServiceRow>): Promise<ServiceRow> {
    const row = this.services.row({ ...before, ...given }, before.id, before);
    await this.services.change(row.name, (manager) => this.services.update(manager, row));
    return row;
  }

  /** A service with an action that is let scale an infrastructure, up by a node. */
  async scaling(name: string, infrastructure: string, given: Partial<ServiceRow> = {}): Promise<ServiceRow> {
    const actionIds = [await this.action(`${name}-action`)];
    const infrastructureId = this.idOf(infrastructure);
    return this.service(name, { infrastructureId, direction: 'up', actionIds, ...given });
  }

  /** @param nodes how many are counted */
  async infrastructure(name: string, nodes: number, given: Partial<InfrastructureRow> = {}): Promise<void> {
    const row = this.infrastructures.row(infrastructureColumns(name, given), this.newId(name));
    await changeDefinitions(this.database, name, (manager) => this.infrastructures.insert(manager, [row]));
    this.nodes.set(name, nodes);
  }

  /** @param concurrency how many of its executions may be under way */
  async action(name: string, concurrency: number | null = null): Promise<string> {
    const id = this.newId(name);
    await this.database.rows(
      `INSERT INTO actions (id, name, description, type, params, timeout_seconds, retry, concurrency, version, created_at, updated_at)
       VALUES ($1, $2, '', 'webhook', '{}', 30, '{"attempts": 3, "backoffSeconds": 1, "maxBackoffSeconds": 60}', $3, 1, now(), now())`,
      [id, name, concurrency],
    );
    return id;
  }

  async setKillSwitch(isOn: boolean): Promise<void> {
    await this.database.rows('UPDATE kill_switch SET is_on = $1', [isOn]);
  }

  /** Silences a service from now on, for an hour. */
  async silence(name: string): Promise<void> {
    const now = this.clock.now();
    await this.changeSilences(
      `INSERT INTO silences (id, version, created_at, updated_at, owner, match, mutes, starts_at, ends_at, reason, on_end)
       VALUES ($1, 1, $2, $2, 'anna', $3, 'actions', $2, $4, 'patching', 'act')`,
      [newId(), now, JSON.stringify({ services: [this.idOf(name)] }), new Date(now.getTime() + 3_600_000)],
    );
  }

  /** Removes the silences of a service. */
  async unsilence(name: string): Promise<void> {
    await this.changeSilences(`DELETE FROM silences WHERE match->'services' ? $1`, [this.idOf(name)]);
  }

  private changeSilences(text: string, values: unknown[]): Promise<unknown> {
    return this.database.transaction((sql) =>
      Promise.all([sql.rows('UPDATE silence_revision SET revision = revision + 1'), sql.rows(text, values)]),
    );
  }

  /** Intervals of a service's ledger, the oldest first. */
  decisions(name: string): Promise<Decision[]> {
    return this.database.rows<Decision & Record<string, unknown>>(
      `SELECT reason, started_at AS "from", ended_at AS "to", trigger_id AS trigger FROM decisions WHERE service_id = $1
       ORDER BY started_at, ended_at NULLS LAST`,
      [this.idOf(name)],
    );
  }

  /** Reasons of a service's ledger, the oldest first. */
  async reasons(name: string): Promise<string[]> {
    return (await this.decisions(name)).map(({ reason }) => reason);
  }

  executions(): Promise<WrittenExecution[]> {
    return this.database.rows<WrittenExecution & Record<string, unknown>>(
      'SELECT id, service_name AS service, status, lease_owner AS worker FROM executions ORDER BY id',
    );
  }
}
