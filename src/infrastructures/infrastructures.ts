import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { StoredDefinitions, type Surroundings } from '../api/stored-definitions';
import { CLOCK, type Clock } from '../common/clock';
import { checked } from '../common/check';
import { maskedParams, sealedParams } from '../common/choice';
import { InvalidInput } from '../common/errors';
import { Secrets } from '../common/secrets';
import { Database } from '../database/database';
import { DefinitionStore, type Columns } from '../database/definitions';
import { InfrastructureRow, type MappingChoice } from '../database/entities';
import { MetricRegistry } from '../metrics/metric-registry';
import { InfrastructureDto } from './infrastructure.dto';

/** These ask the infrastructure for its nodes, or are never asked. */
const NO_COUNTERS = ['number_of_nodes', 'alert'];

@Injectable()
export class Infrastructures extends StoredDefinitions<InfrastructureRow> {
  constructor(
    database: Database,
    @Inject(CLOCK) clock: Clock,
    private readonly metrics: MetricRegistry,
    private readonly secrets: Secrets,
  ) {
    super(new DefinitionStore(database, clock, InfrastructureRow, 'infrastructure'));
  }

  protected columns(body: unknown, { before }: Surroundings<InfrastructureRow>): Columns<InfrastructureRow> {
    const dto = checked(InfrastructureDto, body);
    const nodes =
      dto.nodes === undefined ? null : this.counter(dto.nodes as MappingChoice, before?.nodes ?? undefined);
    return { ...dto, nodes };
  }

  private counter(chosen: MappingChoice, before?: MappingChoice): MappingChoice {
    if (NO_COUNTERS.includes(chosen.type)) {
      throw new InvalidInput([
        { pointer: '/nodes/type', detail: `${chosen.type} can't count the nodes of an infrastructure` },
      ]);
    }
    return { type: chosen.type, params: sealedParams(this.metrics, chosen, '/nodes', this.secrets, before) };
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
      }) => ({
        description,
        labels,
        minNodes,
        maxNodes,
        upWisdomSeconds,
        downWisdomSeconds,
        warmupSeconds,
        maxDirectionChangesPerHour,
        ...(nodes
          ? { nodes: { type: nodes.type, params: maskedParams(this.metrics, nodes, this.secrets) } }
          : {}),
      }),
    );
  }

  protected async users(manager: EntityManager, row: InfrastructureRow): Promise<string[]> {
    const services: { name: string }[] = await manager.query(
      'SELECT name FROM services WHERE infrastructure_id = $1 ORDER BY name LIMIT 20',
      [row.id],
    );
    return services.map(({ name }) => `service ${name}`);
  }
}
