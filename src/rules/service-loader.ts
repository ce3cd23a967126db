import { Injectable, Logger } from '@nestjs/common';
import { messageOf } from '../common/errors';
import { isObject } from '../common/json';
import { telemetry } from '../common/telemetry';
import { uuids } from '../database/binary-format';
import { Database } from '../database/database';
import { InfrastructureRow, ServiceRow } from '../database/entities';
import { Statement } from '../database/statement';
import { stateOf } from '../engine/evaluate';
import type { State } from '../engine/types';
import { SILENCE_REVISION, SilenceBook } from '../silences/silence-book';
import { brokenService } from './broken-service';
import type { CompiledService, ServiceSnapshot } from './compiled-service';
import { CompiledServices, type Versions } from './compiled-services';
import { RuleCompiler } from './rule-compiler';

/** A service as read from the database: its versions and its stored state. */
export interface SnapshotRow extends Versions {
  id: string;
  state: (State & { trace?: string }) | null;
  next_moment: Date | null;
  kill_switch: boolean;
  /** Revision of the silences. */
  silences: string;
}

/** SQL that reads `SnapshotRow`s; a condition on the service `s` follows. */
export const SNAPSHOT = `
  SELECT s.id, s.version, i.version AS infrastructure_version, st.state, st.next_moment, k.is_on AS kill_switch,
    ${SILENCE_REVISION} AS silences
  FROM services s CROSS JOIN kill_switch k
    LEFT JOIN LATERAL (SELECT * FROM infrastructures WHERE id = s.infrastructure_id LIMIT 1) i ON true
    LEFT JOIN LATERAL (SELECT * FROM service_states WHERE service_id = s.id LIMIT 1) st ON true`;

/** Reads the versions and states of services. */
const BY_IDS = new Statement<SnapshotRow>(
  'rules_by_ids',
  `${SNAPSHOT} WHERE s.id = ANY($1::uuid[])`,
  'by keys',
);

/** A definition as it is stored. */
interface Definition {
  service: ServiceRow;
  infrastructure?: InfrastructureRow;
}

/** Loads services, compiled and with their state; a definition is read again only when its version changes. */
@Injectable()
export class ServiceLoader {
  private readonly logger = new Logger('Rules');
  private readonly kept = new CompiledServices();

  constructor(
    private readonly database: Database,
    private readonly compiler: RuleCompiler,
    private readonly silences: SilenceBook,
  ) {}

  /** Tells whether a service was compiled here, in whatever version. */
  knows(id: string): boolean {
    return this.kept.get(id) !== undefined;
  }

  async byIds(ids: readonly string[]): Promise<ServiceSnapshot[]> {
    if (ids.length === 0) return [];
    return this.snapshots(await BY_IDS.rows(this.database.keyed, [uuids(ids)]));
  }

  /**
   * Returns services as they were compiled last, without asking: those that decide with them look whether these are the
   * versions that count. Undefined where one of them is not there, or is made of an infrastructure as well.
   */
  remembered(ids: readonly string[]): ServiceSnapshot[] | undefined {
    const snapshots: ServiceSnapshot[] = [];
    for (const id of ids) {
      const compiled = this.kept.get(id);
      if (compiled === undefined || compiled.service.infrastructureId !== null) return undefined;
      snapshots.push({ compiled, killSwitch: false });
    }
    return snapshots;
  }

  /** Returns the services ready to use; leaves out those deleted meanwhile and those that can't be compiled. */
  async snapshots(rows: readonly SnapshotRow[]): Promise<ServiceSnapshot[]> {
    const changed = rows.filter((row) => !this.kept.has(row.id, row)).map(({ id }) => id);
    if (changed.length > 0) await this.load(changed);
    if (rows.length > 0) await this.silences.upTo(rows.at(-1)!.silences);
    return rows.flatMap(({ id, state, next_moment, kill_switch }) => {
      const compiled = this.kept.get(id);
      if (compiled === undefined) return [];
      const nextMoment = next_moment?.getTime();
      const known = state === null ? undefined : stateOf(state);
      return [{ compiled, state: known, nextMoment, killSwitch: kill_switch, trace: state?.trace }];
    });
  }

  /** Compiles the current definitions of services. */
  async load(ids: readonly string[]): Promise<void> {
    const found = await this.definitions(ids);
    this.kept.makeRoom(found.length);
    for (const { service, infrastructure } of found) {
      const versions = {
        version: service.version,
        infrastructure_version: infrastructure?.version ?? null,
      };
      this.kept.put(service.id, versions, this.compiledOrBroken(service, infrastructure));
    }
  }

  /** Compiles a service. One that can't be compiled, such as one of another release, costs no other of its batch. */
  private compiledOrBroken(
    service: ServiceRow,
    infrastructure?: InfrastructureRow,
  ): CompiledService | undefined {
    try {
      return this.compiler.compile(service, infrastructure);
    } catch (error) {
      const problem = `it can't be evaluated: ${messageOf(error)}`;
      this.logger.error(`service ${service.name} is skipped: ${problem}`);
      telemetry.servicesSkipped.inc();
      return isObject(service.metrics) ? brokenService(service, problem) : undefined;
    }
  }

  private async definitions(ids: readonly string[]): Promise<Definition[]> {
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
}
