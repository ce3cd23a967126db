import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { withDeadline } from '../common/deadline';
import { Database } from '../database/database';
import { ActionCache } from './action-cache';
import { rendered } from './rendering';

/** Number of actions that are made ready, those first that were defined last; the others are when they are first used. */
const AHEAD_AT_MOST = 25;
/** Longest time that the start waits for it, milliseconds. */
const AT_MOST_MS = 2_000;

const NEWEST = 'SELECT id, version FROM actions ORDER BY updated_at DESC, id DESC LIMIT $1';

/** What the templates of an action see of an execution that there is not. */
const NOBODY = {
  execution: { id: '' },
  service: { id: '', name: '', labels: {}, description: '' },
  trigger: { id: '', at: '', reason: '', justification: '' },
  values: {},
  alerts: [],
  alertsTotal: 0,
};

/**
 * Makes actions ready before one is to be executed: opens their params, and renders their templates for nobody, which
 * parses them. Nothing is sent, and what goes wrong is told by the execution that it concerns.
 */
@Injectable()
export class ActionsAhead implements OnApplicationBootstrap {
  constructor(
    private readonly database: Database,
    private readonly book: ActionCache,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await withDeadline(AT_MOST_MS, (signal) => this.prepare(signal)).catch(() => undefined);
  }

  private async prepare(signal: AbortSignal): Promise<void> {
    const newest = await this.database.rows<{ id: string; version: number }>(NEWEST, [AHEAD_AT_MOST]);
    for (const { id, version } of newest) {
      if (signal.aborted) return;
      await this.book
        .open(id, version)
        .then(({ options, params }) => rendered(options.params, params, NOBODY))
        .catch(() => undefined);
    }
  }
}
