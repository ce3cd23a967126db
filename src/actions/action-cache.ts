import { Injectable } from '@nestjs/common';
import { SecretMissing } from '../common/errors';
import { opened, readied, type Opener, type Ready } from '../common/ready';
import { Secrets } from '../common/secrets';
import { Database } from '../database/database';
import type { ActionRow } from '../database/entities';
import { Statement } from '../database/statement';
import { Permanent, Retryable, type Action, type ActionMappingOptions } from './action';
import { ActionRegistry } from './action-registry';

type Definition = Pick<ActionRow, 'type' | 'params' | 'version'>;

type ReadyAction = Ready<Action, ActionMappingOptions>;

interface Page {
  version: number;
  action: Opener<ReadyAction>;
}

/** Largest number of actions kept; when it is reached, all are dropped and made ready again as needed. */
const PAGES_AT_MOST = 10_000;

/** Reads what an attempt needs of an action. */
const READ_ACTION = new Statement<Definition>(
  'action_book',
  'SELECT type, params, version FROM actions WHERE id = $1',
);

/** Cache of actions ready to be executed; an action is read again only when its version changes. */
@Injectable()
export class ActionCache {
  private readonly pages = new Map<string, Page>();

  constructor(
    private readonly database: Database,
    private readonly registry: ActionRegistry,
    private readonly secrets: Secrets,
  ) {}

  /**
   * Returns the action as it is defined now.
   *
   * @param version the one the caller knows; a newer one is fine
   * @throws Permanent when the action is not usable
   * @throws Retryable when one of its secrets can't be read now
   * @throws Unavailable when PostgreSQL is away
   */
  async open(id: string, version: number): Promise<ReadyAction> {
    const page = this.pages.get(id);
    if (page !== undefined && page.version >= version) return usable(page);
    const [row] = await READ_ACTION.rows(this.database, [id]);
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
