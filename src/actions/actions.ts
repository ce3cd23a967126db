import { Inject, Injectable } from '@nestjs/common';
import { IsNull, type EntityManager } from 'typeorm';
import type { Surroundings } from '../api/stored-definitions';
import { VersionedDefinitions } from '../api/versioned-definitions';
import { CLOCK, type Clock } from '../common/clock';
import { checked } from '../common/check';
import { maskedParams, sealedParams, type Chosen } from '../common/choice';
import { readied } from '../common/ready';
import { Secrets } from '../common/secrets';
import { Database } from '../database/database';
import { DefinitionStore, userWords, type Columns, type User } from '../database/definitions';
import { ActionRow } from '../database/entities';
import { ActionRegistry } from './action-registry';
import { ActionDto } from './action.dto';

@Injectable()
export class Actions extends VersionedDefinitions<ActionRow> {
  protected override readonly shownAs = { target: null };

  constructor(
    database: Database,
    @Inject(CLOCK) clock: Clock,
    private readonly registry: ActionRegistry,
    secrets: Secrets,
  ) {
    super(
      new DefinitionStore(database, clock, ActionRow, 'action', { isLabelled: true, writes: 'editor' }),
      secrets,
    );
  }

  protected columns(body: unknown, { before }: Surroundings<ActionRow>): Columns<ActionRow> {
    const dto = checked(ActionDto, body);
    const params = sealedParams(this.registry, dto as Chosen, '', this.secrets, before);
    return {
      ...dto,
      params,
      concurrency: dto.concurrency ?? null,
      targetConcurrency: dto.targetConcurrency ?? null,
      target: this.targetOf({ type: dto.type, params }),
      retry: { ...dto.retry },
    };
  }

  private targetOf(chosen: Chosen): string | null {
    try {
      const { strategy, params } = readied(this.registry, chosen, this.secrets).open();
      return strategy.target?.(params) ?? null;
    } catch {
      // A secret that is not there yet, say: its executions will tell.
      return null;
    }
  }

  /**
   * Fills in the target of actions that were saved without one: a limit counts for all actions with the same target.
   */
  protected override async alongside(manager: EntityManager, rows: ActionRow[]): Promise<void> {
    if (rows.every(({ targetConcurrency }) => targetConcurrency === null)) return;
    const others = await manager.findBy(ActionRow, { target: IsNull() });
    await this.secrets.look(others.map(({ params }) => params));
    for (const { id, type, params } of others) {
      const target = this.targetOf({ type, params });
      if (target !== null) await manager.update(ActionRow, { id }, { target });
    }
  }

  protected async show(rows: ActionRow[]): Promise<object[]> {
    return rows.map((row) => ({
      description: row.description,
      labels: row.labels,
      type: row.type,
      params: maskedParams(this.registry, row, this.secrets),
      timeoutSeconds: row.timeoutSeconds,
      ...(row.concurrency === null ? {} : { concurrency: row.concurrency }),
      ...(row.targetConcurrency === null ? {} : { targetConcurrency: row.targetConcurrency }),
      retry: row.retry,
    }));
  }

  protected async users(manager: EntityManager, { id }: ActionRow): Promise<string[]> {
    const services: User[] = await manager.query(
      `SELECT s.name, s.labels FROM service_actions u JOIN services s ON s.id = u.service_id
       WHERE u.action_id = $1 ORDER BY s.name LIMIT 20`,
      [id],
    );
    const contacts: User[] = await manager.query(
      'SELECT name, labels FROM contacts WHERE action_id = $1 ORDER BY name LIMIT 20',
      [id],
    );
    const [open]: { count: number }[] = await manager.query(
      `SELECT count(*)::int AS count FROM executions
       WHERE action_id = $1 AND status IN ('queued', 'awaiting_approval', 'running', 'waiting')`,
      [id],
    );
    const executions = open!.count === 0 ? [] : [`${open!.count} executions that have not ended`];
    return [...userWords('service', services), ...userWords('contact', contacts), ...executions];
  }
}
