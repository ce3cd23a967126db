import { Injectable } from '@nestjs/common';
import { SecretMissing } from '../common/errors';
import { opened, readied, type Opener, type Ready } from '../common/ready';
import { Secrets } from '../common/secrets';
import { Database } from '../database/database';
import type { ActionRow } from '../database/entities';
import { Permanent, Retryable, type Action, type ActionMappingOptions } from './action';
import { ActionRegistry } from './action-registry';

type Definition = Pick<ActionRow, 'type' | 'params' | 'version'>;

type ReadyAction = Ready<Action, ActionMappingOptions>;

interface Page {
  version: number;
  action: Opener<ReadyAction>;
}

/** Bounded: with more actions than this some are made ready anew. */
const PAGES_AT_MOST = 10_000;

/** Actions made ready to be executed; read again only when their version moves. */
@Injectable()
export class ActionCache {
  private readonly pages = new Map<string, Page>();

  constructor(
    private readonly database: Database,
    private readonly registry: ActionRegistry,
    private readonly secrets: Secrets,
  ) {}

  /**
   * The action as it is defined now.
   *
   * @param version the one the caller has seen; a newer one will do
   * @throws Permanent when it is not usable; Retryable when a secret of it can't be had now; Unavailable when PostgreSQL
   * is away
   */
  async open(id: string, version: number): Promise<ReadyAction> {
    const page = this.pages.get(id);
    if (page !== undefined && page.version >= version) return usable(page);
    const [row] = await this.database.rows<Definition>(
      'SELECT type, params, version FROM actions WHERE id = $1',
      [id],
      'action_book',
    );
    if (row === undefined) throw new Permanent('its action was deleted');
    const fresh = { version: row.version, action: readied(this.registry, row, this.secrets) };
    if (this.pages.size >= PAGES_AT_MOST) this.pages.clear();
    this.pages.set(id, fresh);
    return usable(fresh);
  }
}

async function usable({ action }: Page): Promise<ReadyAction> {
  try {
    return await opened(action);
  } catch (error) {
    const why = (error as Error).message;
    // A file may be there later, and a key be set right.
    if (error instanceof SecretMissing) throw new Retryable(why, { cause: error });
    throw new Permanent(why, { cause: error });
  }
}
