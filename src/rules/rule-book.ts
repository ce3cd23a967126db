import { createHash } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { check } from '../common/check';
import { openedParams, type Chosen } from '../common/choice';
import { messageOf, problemText } from '../common/errors';
import { isObject } from '../common/json';
import { mapValues } from '../common/records';
import { Secrets } from '../common/secrets';
import { SharedValues } from '../common/shared-values';
import { telemetry } from '../common/telemetry';
import { uuids } from '../database/binary-format';
import { Database } from '../database/database';
import { InfrastructureRow, ServiceRow } from '../database/entities';
import type { AlertParams } from '../metrics/mappings/alert.metric';
import { believed } from '../alerts/believed';
import type { Node } from '../metrics/metric';
import { MetricRegistry } from '../metrics/metric-registry';
import { NodeCounter } from '../polling/node-counter';
import { NodeLister } from '../polling/node-lister';
import type { Polled } from '../polling/polled';
import { Reads, type Read } from '../polling/reads';
import type { AlertMetric } from '../alerts/alert-values';
import { compileCondition, type Condition } from '../engine/condition';
import { stateOf } from '../engine/evaluate';
import type { Predicate, Rule, Scaling, State } from '../engine/types';
import { isOfChange, type Window } from '../engine/window';
import { PolicyRegistry } from '../policies/policy-registry';

/** A service ready to be polled and evaluated: parsed, compiled and checked when its definition changes. */
export interface CompiledService extends Polled {
  readonly service: ServiceRow;
  readonly infrastructure?: InfrastructureRow;
  readonly rule: Rule;
  readonly alertMetrics: readonly AlertMetric[];
  readonly windows: readonly WindowedMetric[];
  /** True where a window belongs to a metric that alerts feed. */
  readonly hasAlertWindows: boolean;
  /** Returns why the condition is undecided with these values. */
  openBecause(values: Record<string, number>): string | undefined;
}

/** A metric whose value is made of the readings in a window. */
export interface WindowedMetric {
  metric: string;
  series: number;
  window: Window;
  /** True where the metric is known to be a Counter32 before it is read. */
  goesRound?: boolean;
}

/** A compiled service with its stored state. */
export interface ServiceSnapshot {
  readonly compiled: CompiledService;
  readonly state?: State;
  readonly nextMoment?: number;
  /** State of the kill switch as set by the API when this was read. */
  readonly killSwitch: boolean;
}

/** A service as read from the database: its version and its stored state. */
export interface SnapshotRow {
  id: string;
  version: number;
  infrastructure_version: number | null;
  state: State | null;
  next_moment: Date | null;
  kill_switch: boolean;
}

/** Columns that many services have in common, stored once. */
const SAID_ALIKE = [
  'description',
  'labels',
  'condition',
  'recovery',
  'missingData',
  'policy',
  'actionIds',
  'escalations',
  'expect',
  'recoveryActionIds',
  'mode',
] as const;

/** Largest number of compiled services in memory; with more, some are compiled again. */
const MAX_PREPARED = 200_000;

/** SQL that reads `SnapshotRow`s; a condition on the service `s` follows. */
export const SNAPSHOT = `
  SELECT s.id, s.version, i.version AS infrastructure_version, st.state, st.next_moment, k.is_on AS kill_switch
  FROM services s CROSS JOIN kill_switch k
    LEFT JOIN LATERAL (SELECT * FROM infrastructures WHERE id = s.infrastructure_id LIMIT 1) i ON true
    LEFT JOIN LATERAL (SELECT * FROM service_states WHERE service_id = s.id LIMIT 1) st ON true`;

/** Rules of services, compiled; a definition is read again only when its version changes. */
@Injectable()
export class RuleBook {
  private readonly logger = new Logger('RuleBook');
  private readonly shared = new SharedValues();
  private readonly compiled = new Map<string, { key: string; compiled: CompiledService | undefined }>();

  constructor(
    private readonly database: Database,
    private readonly metrics: MetricRegistry,
    private readonly reads: Reads,
    private readonly counter: NodeCounter,
    private readonly lister: NodeLister,
    private readonly policies: PolicyRegistry,
    private readonly secrets: Secrets,
  ) {}

  async byIds(ids: readonly string[]): Promise<ServiceSnapshot[]> {
    if (ids.length === 0) return [];
    const rows = await this.database.keyed.rows<SnapshotRow>(
      `${SNAPSHOT} WHERE s.id = ANY($1::uuid[])`,
      [uuids(ids)],
      'rules_by_ids',
    );
    return this.watch(rows);
  }

  /** Returns the services ready to use; leaves out those deleted meanwhile and those that can't be compiled. */
  async watch(rows: readonly SnapshotRow[]): Promise<ServiceSnapshot[]> {
    const changed = rows.filter((row) => this.compiled.get(row.id)?.key !== keyOf(row)).map(({ id }) => id);
    if (changed.length > 0) await this.load(changed);
    return rows.flatMap(({ id, state, next_moment, kill_switch }) => {
      const compiled = this.compiled.get(id)?.compiled;
      if (compiled === undefined) return [];
      const nextMoment = next_moment?.getTime();
      const known = state === null ? undefined : stateOf(state);
      return [{ compiled, state: known, nextMoment, killSwitch: kill_switch }];
    });
  }

  /** Compiles the current definitions of services. */
  async load(ids: readonly string[]): Promise<void> {
    const found = await this.definitions(ids);
    while (this.compiled.size > MAX_PREPARED - found.length) {
      this.compiled.delete(this.compiled.keys().next().value!);
    }
    for (const { service, infrastructure } of found) {
      const key = keyOf({
        version: service.version,
        infrastructure_version: infrastructure?.version ?? null,
      });
      this.compiled.set(service.id, { key, compiled: this.compiledOrBroken(service, infrastructure) });
    }
  }

  /** Compiles a service. One that can't be compiled, such as one of another release, costs no other of its batch. */
  private compiledOrBroken(
    service: ServiceRow,
    infrastructure?: InfrastructureRow,
  ): CompiledService | undefined {
    try {
      return this.prepare(service, infrastructure);
    } catch (error) {
      const problem = `it can't be evaluated: ${messageOf(error)}`;
      this.logger.error(`service ${service.name} is skipped: ${problem}`);
      telemetry.servicesSkipped.inc();
      return isObject(service.metrics) ? broken(service, problem) : undefined;
    }
  }

  private async definitions(
    ids: readonly string[],
  ): Promise<{ service: ServiceRow; infrastructure?: InfrastructureRow }[]> {
    return this.database.readEntities(async (manager) => {
      const services = await manager
        .createQueryBuilder(ServiceRow, 's')
        .where('s.id = ANY(:ids)', { ids })
        .getMany();
      const wanted = [...new Set(services.flatMap(({ infrastructureId }) => infrastructureId ?? []))];
      const infrastructures =
        wanted.length === 0
          ? []
          : await manager
              .createQueryBuilder(InfrastructureRow, 'i')
              .where('i.id = ANY(:wanted)', { wanted })
              .getMany();
      const byId = new Map(infrastructures.map((row) => [row.id, row]));
      return services.map((service) => ({
        service,
        infrastructure: byId.get(service.infrastructureId ?? ''),
      }));
    });
  }

  prepare(row: ServiceRow, infrastructure?: InfrastructureRow): CompiledService {
    const service = this.lean(row);
    const metrics = Object.entries(service.metrics);
    const names = metrics.map(([name]) => name);
    const reads: Record<string, Read> = {};
    const alertMetrics: AlertMetric[] = [];
    for (const [metric, { type, params, timeoutSeconds }] of metrics) {
      if (this.metrics.isPushed(type))
        alertMetrics.push(this.alertMetric(service.id, metric, { type, params }));
      else reads[metric] = this.reads.of({ type, params }, timeoutSeconds * 1000);
    }
    const windows = metrics.flatMap(([metric, choice]): WindowedMetric[] => {
      if (choice.window === undefined) return [];
      const window = choice.window as Window;
      const goesRound = isOfChange(window.function) && this.goesRound(choice);
      return [{ metric, series: service.series[metric]!, window, ...(goesRound ? { goesRound } : {}) }];
    });
    const condition = compileCondition(service.condition, names);
    const recovery = service.recovery === null ? undefined : compileCondition(service.recovery, names);
    const rule: Rule = {
      key: ruleKey(service),
      enabled: service.enabled,
      condition: predicate(condition),
      recovery: recovery && predicate(recovery),
      holdMs: service.holdSeconds * 1000,
      wisdomMs: service.wisdomSeconds * 1000,
      repeat: service.repeat,
      missingData: service.missingData,
      intervalMs: service.polled ? service.intervalSeconds * 1000 : undefined,
      mode: service.mode,
      scaling: this.scaling(service, infrastructure),
      escalationMs:
        service.escalations.length === 0
          ? undefined
          : service.escalations.map(({ afterSeconds }) => afterSeconds * 1000),
      expect: expectOf(service, names),
    };
    const nodes = { counter: this.counter, lister: this.lister };
    return new PreparedService(
      service,
      infrastructure,
      reads,
      alertMetrics.length === 0 ? NONE : alertMetrics,
      windows.length === 0 ? NONE : windows,
      rule,
      condition,
      nodes,
    );
  }

  /**
   * Returns an `alert` metric. Params that this release would not save make it one that nothing feeds, with the
   * problem.
   */
  private alertMetric(service: string, metric: string, { type, params }: Chosen): AlertMetric {
    const { value, errors } = check(this.metrics.get(type).options.params, params);
    if (value === undefined) return { service, metric, problem: problemText(errors) };
    const { ttlSeconds, value: valuePath, source } = value as AlertParams;
    return { service, metric, ttlSeconds, valuePath, sources: believed(source) };
  }

  private goesRound({ type, params }: ServiceRow['metrics'][string]): boolean {
    return this.metrics.find(type)?.strategy.goesRound?.(params) ?? false;
  }

  /** Shares equal columns among services, of which a hundred thousand may be in memory. */
  private lean(row: ServiceRow): ServiceRow {
    for (const column of SAID_ALIKE) Object.assign(row, { [column]: this.shared.of(row[column]) });
    return row;
  }

  private scaling(service: ServiceRow, infrastructure?: InfrastructureRow): Scaling | undefined {
    if (infrastructure === undefined || service.direction === null) return undefined;
    const { name, minNodes, maxNodes, upWisdomSeconds, downWisdomSeconds } = infrastructure;
    const { strategy, options } = this.policies.get(service.policy.type);
    const { params } = openedParams(options.params, service.policy.params, this.secrets);
    return {
      infrastructure: name,
      direction: service.direction,
      minNodes,
      maxNodes,
      maxDirectionChanges: infrastructure.maxDirectionChangesPerHour,
      wisdomMs: (service.direction === 'up' ? upWisdomSeconds : downWisdomSeconds) * 1000,
      wish: (nodes, values) => strategy.wish(params, nodes, values),
    };
  }
}

function expectOf({ expect }: ServiceRow, metrics: string[]): Rule['expect'] {
  if (expect === null) return undefined;
  const condition = predicate(compileCondition(expect.condition, metrics));
  return { condition, withinMs: expect.withinSeconds * 1000 };
}

/**
 * Returns a service whose reads fail and whose condition stays undecided, both with that problem: it is `missing_data`
 * and never acts.
 */
function broken(service: ServiceRow, problem: string): CompiledService {
  const open = (): never => {
    throw new Error(problem);
  };
  const read = { type: 'unknown', timeoutMs: 1000, isFixed: true, look: () => undefined, open };
  const rule: Rule = {
    key: BROKEN,
    enabled: service.enabled,
    condition: () => undefined,
    holdMs: 0,
    wisdomMs: 0,
    repeat: false,
    missingData: 'hold',
    intervalMs: service.polled ? service.intervalSeconds * 1000 : undefined,
    mode: 'shadow',
  };
  const nodes = { countNodes: open, listNodes: open };
  return {
    service,
    rule,
    reads: mapValues(service.metrics, () => read),
    alertMetrics: NONE,
    windows: NONE,
    hasAlertWindows: false,
    openBecause: () => problem,
    ...nodes,
  };
}

const BROKEN = 'broken';

const keyOf = (row: { version: number; infrastructure_version: number | null }): string =>
  `${row.version}:${row.infrastructure_version}`;

const predicates = new WeakMap<Condition, Predicate>();

/** Returns one predicate for all services with the same condition. */
function predicate(condition: Condition): Predicate {
  let made = predicates.get(condition);
  if (made === undefined) predicates.set(condition, (made = (values) => condition(values).truth));
  return made;
}

const NONE: never[] = [];

class PreparedService implements CompiledService {
  constructor(
    readonly service: ServiceRow,
    readonly infrastructure: InfrastructureRow | undefined,
    readonly reads: Readonly<Record<string, Read>>,
    readonly alertMetrics: readonly AlertMetric[],
    readonly windows: readonly WindowedMetric[],
    readonly rule: Rule,
    private readonly condition: Condition,
    private readonly nodes: { counter: NodeCounter; lister: NodeLister },
  ) {}

  get nodesOf(): string | undefined {
    return this.infrastructure?.id;
  }

  get hasAlertWindows(): boolean {
    return this.windows.some(({ metric }) => !Object.hasOwn(this.reads, metric));
  }

  openBecause(values: Record<string, number>): string | undefined {
    const verdict = this.condition(values);
    return verdict.truth === undefined ? verdict.because : undefined;
  }

  async countNodes(): Promise<number> {
    return (await this.nodes.counter.count(this.scaled())).nodes;
  }

  async listNodes(): Promise<Node[]> {
    return this.nodes.lister.known(this.scaled());
  }

  /** @throws Error when there is none */
  private scaled(): InfrastructureRow {
    if (this.infrastructure !== undefined) return this.infrastructure;
    throw new Error(`service ${this.service.name} has no infrastructure whose nodes could be counted`);
  }
}

/**
 * Returns a digest of condition, recovery and metrics, which hold and alarm depend on. Params count as they are stored.
 */
export function ruleKey({
  condition,
  recovery,
  metrics,
}: Pick<ServiceRow, 'condition' | 'recovery' | 'metrics'>): string {
  const sources = Object.entries(metrics).map(([name, { type, params, window }]) => [
    name,
    type,
    params,
    ...(window === undefined ? [] : [window]),
  ]);
  return createHash('sha256')
    .update(JSON.stringify([condition, recovery, sources]))
    .digest('base64url')
    .slice(0, 16);
}
