import { randomBytes } from 'node:crypto';
import { Inject, Injectable, Logger } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { sqlOf } from '../api/definition-versions';
import type { NamedResource } from '../api/definition.controller';
import type { Draft, References, Surroundings } from '../api/stored-definitions';
import { DEFINITION_ORDERS, HasLabel, labelWords, Same, Search, searchedIn, SortBy } from '../api/filters';
import { PageQuery } from '../api/page-query';
import { VersionedDefinitions } from '../api/versioned-definitions';
import { hashOf, type SourceLimits } from '../auth/identities';
import { CLOCK, type Clock } from '../common/clock';
import { checked } from '../common/check';
import { maskedParams, openedParams, sealedParams } from '../common/choice';
import { InvalidInput, messageOf, type FieldError } from '../common/errors';
import { Any, Decimal, Text, TextList, TextMap } from '../common/fields';
import { isObject } from '../common/json';
import { NAME } from '../common/names';
import { Secrets } from '../common/secrets';
import { Database } from '../database/database';
import { DefinitionStore, type Columns } from '../database/definitions';
import { SourceRow } from '../database/entities';
import { Statement } from '../database/statement';
import { FormatRegistry } from './format-registry';
import { SnmpSourceParams } from './formats/snmp.format';
import { forgetEngines, forgetEnginesIn } from '../snmp/engine-store';
import { sharedWarnings } from './shared-credentials';

/** A source: who may send alerts, and how that is checked. */
export class SourceDto {
  @Text({ description: 'Unique name', ...NAME })
  name: string;

  @Text({ description: 'Alert format; see GET /mappings', minLength: 1, maxLength: 100 })
  format: string;

  @Any({ description: 'Params of the format' }, { type: 'object' })
  params: object = {};

  @Decimal({
    description:
      'Nothing from it for so long is an alert with the labels alertname: source_silent and source: its name, until it speaks again',
    unit: 's',
    minimum: 10,
    maximum: 31_536_000,
    optional: true,
  })
  silentAfterSeconds?: number;

  @TextList({
    description:
      'Names or ids of the services it may speak for: its alerts may name no others, and feed no others; by default all',
    optional: true,
    maxItems: 1_000,
  })
  services?: string[];

  @TextMap({ description: 'Labels that its alerts must carry: others are rejected' })
  labels: Record<string, string> = {};

  @TextMap({ description: 'Labels that are added to its alerts, whatever their sender says of them' })
  addLabels: Record<string, string> = {};

  problems(): FieldError[] {
    return this.services?.length === 0
      ? [
          {
            pointer: '/services',
            detail: 'must name at least one, or be left out: it may speak for all then',
          },
        ]
      : [];
  }
}

/** Filters of the list of sources. */
export class SourcesQuery extends PageQuery {
  @Search(
    searchedIn('t.name', labelWords('t.labels'), labelWords('t.add_labels')),
    'name, labels and added labels',
  )
  search?: string;

  @HasLabel(`(t.add_labels || t.labels)`, 'A label that its alerts carry or are given')
  label?: string[];

  @Same('t.format', 'Its format')
  format?: string;

  @SortBy(DEFINITION_ORDERS)
  sort = 'createdAt';
}

/** A source of SNMP notifications, with its secrets. */
export interface SnmpSource {
  id: string;
  name: string;
  limits: SourceLimits;
  params: SnmpSourceParams;
}

const TOKEN_BYTES = 24;
const LOOPBACK = ['127.0.0.0/8', '::1/128'];

/** Removes what `GET` shows beside a definition, so that its answer may be sent back. */
function withoutActivity(body: unknown): unknown {
  if (!isObject(body)) return body;
  const { lastSeenAt: _seen, alertsPerMinute: _rate, warnings: _warnings, ...definition } = body;
  return definition;
}

/** Reads the sources of SNMP notifications, oldest first. */
const SNMP_SOURCES = new Statement<
  SourceLimits & { id: string; name: string; params: Record<string, unknown> }
>(
  'sources_snmp',
  `SELECT id, name, params, services, labels, add_labels AS "addLabels" FROM sources WHERE format = 'snmp' ORDER BY id`,
);

@Injectable()
export class Sources extends VersionedDefinitions<SourceRow> {
  private readonly logger = new Logger('Sources');
  /** Names of sources logged as unusable. */
  private readonly unopened = new Set<string>();
  protected override readonly shownAs = { tokenHash: null };

  constructor(
    private readonly database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly formats: FormatRegistry,
    secrets: Secrets,
  ) {
    super(
      new DefinitionStore(database, clock, SourceRow, 'source', { isLabelled: false, writes: 'admin' }),
      secrets,
    );
  }

  /** Adds a token to a new source, which is shown this once; only its hash is kept. */
  override draft(
    body: unknown,
    references: References,
    before?: SourceRow,
    keptOf?: SourceRow,
  ): Draft<SourceRow> {
    const draft = super.draft(body, references, before, keptOf);
    if (before !== undefined) return draft;
    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    return { ...draft, row: { ...draft.row, tokenHash: hashOf(token) }, once: { token } };
  }

  override async create(body: unknown): Promise<NamedResource> {
    return this.withWarnings(await super.create(body));
  }

  override async replace(
    reference: string,
    body: unknown,
    expectedVersion: number | undefined,
  ): Promise<NamedResource> {
    return this.withWarnings(await super.replace(reference, body, expectedVersion));
  }

  /** Deletes a source and what was learned of SNMP engines through it, so that a new one starts afresh. */
  override async remove(reference: string, expectedVersion: number | undefined): Promise<void> {
    const { id } = await this.store.get(reference);
    const heard = await this.database.rows<{ engine_id: string }>(
      'SELECT engine_id FROM snmp_engines WHERE source_id = $1',
      [id],
    );
    await super.remove(reference, expectedVersion);
    await forgetEngines(
      this.database,
      heard.map(({ engine_id }) => engine_id),
      this.clock.now(),
    );
  }

  override async removeIn(manager: EntityManager, row: SourceRow, expected: number): Promise<void> {
    const sql = sqlOf(manager);
    const heard = await sql.rows<{ engine_id: string }>(
      'SELECT engine_id FROM snmp_engines WHERE source_id = $1',
      [row.id],
    );
    await super.removeIn(manager, row, expected);
    const engines = heard.map(({ engine_id }) => engine_id);
    if (engines.length > 0) await forgetEnginesIn(sql, engines, this.clock.now());
  }

  /** Adds warnings to a source of SNMP notifications: credentials that other sources share. */
  async withWarnings<R extends { id: string; format?: unknown }>(source: R): Promise<R> {
    if (source.format !== 'snmp') return source;
    const sources = await this.snmp();
    const warnings = sharedWarnings(sources, source.id);
    return warnings.length === 0 ? source : { ...source, warnings };
  }

  protected columns(body: unknown, { before }: Surroundings<SourceRow>): Columns<SourceRow> {
    const dto = checked(SourceDto, withoutActivity(body));
    const { name, format, params, silentAfterSeconds = null, services = null, labels, addLabels } = dto;
    if (this.formats.find(format) === undefined) {
      throw new InvalidInput([{ pointer: '/format', detail: this.formats.unknown(format) }]);
    }
    if (before !== undefined && before.format !== format) {
      throw new InvalidInput([
        { pointer: '/format', detail: `is ${before.format} and can't be changed; make another source` },
      ]);
    }
    const chosen = { type: format, params: params as Record<string, unknown> };
    const sealed = sealedParams(
      this.formats,
      chosen,
      '',
      this.secrets,
      before && { type: before.format, params: before.params },
    );
    return {
      name,
      format,
      params: sealed,
      silentAfterSeconds,
      services,
      labels,
      addLabels,
      tokenHash: before?.tokenHash ?? Buffer.alloc(0),
    };
  }

  protected async show(rows: SourceRow[]): Promise<object[]> {
    return rows.map(({ format, params, silentAfterSeconds, services, labels, addLabels }) => ({
      format,
      params: maskedParams(this.formats, { type: format, params }, this.secrets),
      ...(silentAfterSeconds === null ? {} : { silentAfterSeconds }),
      ...(services === null ? {} : { services }),
      labels,
      addLabels,
    }));
  }

  protected async users(): Promise<string[]> {
    return [];
  }

  /** Returns the `snmp` sources, oldest first; leaves out those whose secrets can't be read now. */
  async snmp(): Promise<SnmpSource[]> {
    const rows = await SNMP_SOURCES.rows(this.database);
    await this.secrets.look(rows.map(({ params }) => params));
    return rows.flatMap(({ id, name, params, ...limits }) => {
      try {
        return [{ id, name, limits, params: openedParams(SnmpSourceParams, params, this.secrets).params }];
      } catch (error) {
        if (!this.unopened.has(name))
          this.logger.warn(`source ${name} takes no notifications: ${messageOf(error)}`);
        this.unopened.add(name);
        return [];
      }
    });
  }

  /**
   * Creates a source for SNMP, for embedded servers, in a database where nothing was ever defined. Its community is
   * publicly known, so it takes only what comes from this machine.
   */
  async createDefault(): Promise<void> {
    const [row] = await this.database.rows<{ revision: string }>('SELECT revision FROM definition_revision');
    if (row?.revision === '1')
      await this.create({
        name: 'snmp',
        format: 'snmp',
        params: { communities: ['public'], allowFrom: LOOPBACK },
      });
  }
}
