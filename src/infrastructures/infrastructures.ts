import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Surroundings } from '../api/stored-definitions';
import { VersionedDefinitions } from '../api/versioned-definitions';
import { CLOCK, type Clock } from '../common/clock';
import { checked, collect } from '../common/check';
import { maskedParams, sealedParams } from '../common/choice';
import { InvalidInput, type FieldError } from '../common/errors';
import type { MappingRegistry } from '../common/mapping-registry';
import { Secrets } from '../common/secrets';
import { Database } from '../database/database';
import { DefinitionStore, userWords, type Columns, type User } from '../database/definitions';
import { InfrastructureRow, type MappingChoice } from '../database/entities';
import { LoadBalancerRegistry } from '../load-balancers/load-balancer-registry';
import { LoadBalancerStates } from '../load-balancers/load-balancer-states';
import { MetricRegistry } from '../metrics/metric-registry';
import { InfrastructureDto } from './infrastructure.dto';

/** Metrics that can't count nodes: they ask the infrastructure for its nodes, or are never read. */
const NO_COUNTERS = ['number_of_nodes', 'alert'];

@Injectable()
export class Infrastructures extends VersionedDefinitions<InfrastructureRow> {
  constructor(
    database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly metrics: MetricRegistry,
    private readonly loadBalancers: LoadBalancerRegistry,
    private readonly states: LoadBalancerStates,
    secrets: Secrets,
  ) {
    super(
      new DefinitionStore(database, clock, InfrastructureRow, 'infrastructure', {
        isLabelled: true,
        writes: 'editor',
      }),
      secrets,
    );
  }

  protected columns(body: unknown, { before }: Surroundings<InfrastructureRow>): Columns<InfrastructureRow> {
    const dto = checked(InfrastructureDto, body);
    const errors: FieldError[] = [];
    const { nodes, loadBalancer } = dto as { nodes?: MappingChoice; loadBalancer?: MappingChoice };
    const counter = collect(errors, () => nodes && this.counter(nodes, before?.nodes));
    const follower = collect(
      errors,
      () => loadBalancer && this.follower(loadBalancer, nodes, before?.loadBalancer),
    );
    if (errors.length > 0) throw new InvalidInput(errors);
    return { ...dto, nodes: counter ?? null, loadBalancer: follower ?? null };
  }

  private counter(chosen: MappingChoice, before?: MappingChoice | null): MappingChoice {
    if (NO_COUNTERS.includes(chosen.type)) {
      throw new InvalidInput([
        { pointer: '/nodes/type', detail: `${chosen.type} can't count the nodes of an infrastructure` },
      ]);
    }
    const params = sealedParams(this.metrics, chosen, '/nodes', this.secrets, before ?? undefined);
    return { type: chosen.type, params };
  }

  private follower(
    chosen: MappingChoice,
    nodes: MappingChoice | undefined,
    before?: MappingChoice | null,
  ): MappingChoice {
    const pointer = '/loadBalancer';
    const params = sealedParams(this.loadBalancers, chosen, pointer, this.secrets, before ?? undefined);
    if (nodes === undefined) {
      throw new InvalidInput([{ pointer, detail: 'needs "nodes", to say which nodes it is to follow' }]);
    }
    const counter = this.metrics.find(nodes.type);
    if (counter !== undefined && counter.strategy.nodes === undefined) {
      const detail = `can't follow ${nodes.type}, which does not tell where nodes are`;
      throw new InvalidInput([{ pointer, detail }]);
    }
    return { type: chosen.type, params };
  }

  /** Makes the sync of new and changed load balancers due at once. */
  protected override async alongside(manager: EntityManager, rows: InfrastructureRow[]): Promise<void> {
    const ids = rows.map(({ id }) => id);
    await this.states.follow(manager, ids, this.clock.now());
  }

  protected async show(rows: InfrastructureRow[]): Promise<object[]> {
    return rows.map(
      ({
        description,
        labels,
        minNodes,
        maxNodes,
        upWisdomSeconds,
        downWisdomSeconds,
        warmupSeconds,
        maxDirectionChangesPerHour,
        nodes,
        loadBalancer,
      }) => ({
        description,
        labels,
        minNodes,
        maxNodes,
        upWisdomSeconds,
        downWisdomSeconds,
        warmupSeconds,
        maxDirectionChangesPerHour,
        ...(nodes ? { nodes: this.shown(this.metrics, nodes) } : {}),
        ...(loadBalancer ? { loadBalancer: this.shown(this.loadBalancers, loadBalancer) } : {}),
      }),
    );
  }

  private shown(registry: MappingRegistry<unknown>, chosen: MappingChoice): MappingChoice {
    return { type: chosen.type, params: maskedParams(registry, chosen, this.secrets) };
  }

  protected async users(manager: EntityManager, row: InfrastructureRow): Promise<string[]> {
    const services: User[] = await manager.query(
      'SELECT name, labels FROM services WHERE infrastructure_id = $1 ORDER BY name LIMIT 20',
      [row.id],
    );
    return userWords('service', services);
  }
}
