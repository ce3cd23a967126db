import { Injectable } from '@nestjs/common';
import type { AlertMetric } from '../alerts/alert-values';
import { believed } from '../alerts/believed';
import { check } from '../common/check';
import { openedParams, type Chosen } from '../common/choice';
import { problemText } from '../common/errors';
import { Secrets } from '../common/secrets';
import { SharedValues } from '../common/shared-values';
import type { InfrastructureRow, ServiceRow } from '../database/entities';
import { compileRule } from '../engine/compile-rule';
import { compileCondition, type Condition } from '../engine/condition';
import type { Rule, Scaling } from '../engine/types';
import { isOfChange, type Window } from '../engine/window';
import type { AlertParams } from '../metrics/mappings/alert.metric';
import type { Node } from '../metrics/metric';
import { MetricRegistry } from '../metrics/metric-registry';
import { PolicyRegistry } from '../policies/policy-registry';
import { NodeCounter } from '../polling/node-counter';
import { NodeLister } from '../polling/node-lister';
import type { PollPlan } from '../polling/planned';
import { Reads, type Read } from '../polling/reads';
import type { CompiledService, WindowedMetric } from './compiled-service';
import { ruleKey } from './rule-key';

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
  'dependsOn',
  'expect',
  'recoveryActionIds',
  'mode',
] as const;

/** Compiles definitions of services: checks, parses and compiles what is evaluated again and again. */
@Injectable()
export class RuleCompiler {
  private readonly shared = new SharedValues();

  constructor(
    private readonly metrics: MetricRegistry,
    private readonly reads: Reads,
    private readonly counter: NodeCounter,
    private readonly lister: NodeLister,
    private readonly policies: PolicyRegistry,
    private readonly secrets: Secrets,
  ) {}

  /**
   * Compiles a service.
   *
   * @throws Error when it can't be, such as one that another release has saved
   */
  compile(row: ServiceRow, infrastructure?: InfrastructureRow): CompiledService {
    const service = this.lean(row);
    const reads: Record<string, Read> = {};
    const alertMetrics: AlertMetric[] = [];
    for (const [metric, { type, params, timeoutSeconds }] of Object.entries(service.metrics)) {
      if (this.metrics.isPushed(type))
        alertMetrics.push(this.alertMetric(service.id, metric, { type, params }));
      else reads[metric] = this.reads.of({ type, params }, timeoutSeconds * 1000);
    }
    const windows = this.windows(service);
    const condition = compileCondition(service.condition, Object.keys(service.metrics));
    const nodes = { counter: this.counter, lister: this.lister };
    return new ReadyService(
      service,
      infrastructure,
      reads,
      alertMetrics.length === 0 ? NONE : alertMetrics,
      windows.length === 0 ? NONE : windows,
      compileRule(service, {
        key: ruleKey(service),
        polled: service.polled,
        scaling: this.scaling(service, infrastructure),
      }),
      condition,
      nodes,
    );
  }

  private windows(service: ServiceRow): WindowedMetric[] {
    return Object.entries(service.metrics).flatMap(([metric, choice]): WindowedMetric[] => {
      if (choice.window === undefined) return [];
      const window = choice.window as Window;
      const goesRound = isOfChange(window.function) && this.goesRound(choice);
      return [{ metric, series: service.series[metric]!, window, ...(goesRound ? { goesRound } : {}) }];
    });
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

const NONE: never[] = [];

/** A compiled service whose nodes are counted and listed by the program's own counter and lister. */
class ReadyService implements CompiledService {
  plan?: PollPlan = undefined;

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
