import { hostname } from 'node:os';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { messageOf } from '../common/errors';
import { newId } from '../common/ids';
import { Recurring } from '../common/periodic';
import { CONFIG, type Config } from '../config/config';
import { Database } from '../database/database';

/** Interval at which a process says that it is there, milliseconds. */
const EVERY_MS = 10_000;
/** Age of what a process said last from which it is not taken to live, seconds. */
const LIVES_SECONDS = 30;
/** Time for which a process that ended without a word is shown. */
const SHOWN_FOR = `interval '1 hour'`;

export interface ShownProcess {
  id: string;
  roles: string[];
  host: string;
  pid: number;
  startedAt: Date;
  seenAt: Date;
  lives: boolean;
}

/**
 * Processes of the program, of all roles, for people: each says every ten seconds that it is there, and takes that back
 * when it drains. Nothing is decided by it; who may take over whose work goes by `SignOfLife`.
 */
@Injectable()
export class Processes extends Recurring {
  private readonly logger = new Logger('Processes');
  private readonly id = newId();

  constructor(
    private readonly database: Database,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    super(EVERY_MS);
  }

  override async round(): Promise<void> {
    await this.database.rows(
      `WITH gone AS (DELETE FROM processes WHERE seen_at < now() - ${SHOWN_FOR})
       INSERT INTO processes (id, roles, host, pid, started_at, seen_at) VALUES ($1, $2, $3, $4, now(), now())
       ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at`,
      [this.id, this.config.roles, hostname(), process.pid],
    );
  }

  override async beforeApplicationShutdown(): Promise<void> {
    await super.beforeApplicationShutdown();
    await this.database
      .rows('DELETE FROM processes WHERE id = $1', [this.id])
      .catch((error: unknown) => this.logger.warn(`can't say that this process ends: ${messageOf(error)}`));
  }

  /** Returns the processes, those that live first. */
  list(): Promise<ShownProcess[]> {
    return this.database.rows<ShownProcess & Record<string, unknown>>(
      `SELECT id, roles, host, pid, started_at AS "startedAt", seen_at AS "seenAt",
         seen_at > now() - $1 * interval '1 second' AS lives
       FROM processes ORDER BY lives DESC, started_at, id LIMIT 1000`,
      [LIVES_SECONDS],
    );
  }
}
