import { Inject, Injectable } from '@nestjs/common';
import { leastIdAt } from '../common/ids';
import { Recurring } from '../common/periodic';
import { CONFIG, type Config } from '../config/config';
import { Database } from '../database/database';
import type { Sql } from '../database/sql-pool';

const EVERY_MS = 600_000;
const DAY_MS = 86_400_000;
const AT_ONCE = 1_000;
/** Pieces of a round; the rest is for the next one. */
const PIECES_AT_MOST = 100;

/** Deletes what is older than its retention: entries of the audit, and versions of deleted definitions. */
@Injectable()
export class AuditRetention extends Recurring {
  constructor(
    private readonly database: Database,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    super(EVERY_MS);
  }

  override async round(): Promise<void> {
    const before = await this.before();
    await inPieces(() => this.database.transaction((sql) => forget(sql, before)));
    await inPieces(async () => {
      const gone = await this.database.rows(
        `DELETE FROM definition_versions WHERE ctid IN (
           SELECT ctid FROM definition_versions WHERE deleted_at < $1 LIMIT ${AT_ONCE}) RETURNING 1`,
        [before],
      );
      return gone.length;
    });
  }

  /** Returns the moment before which entries go, by PostgreSQL's clock. */
  private async before(): Promise<Date> {
    const [row] = await this.database.rows<{ now: Date }>('SELECT now() AS now');
    return new Date(row!.now.getTime() - this.config.auditRetentionDays * DAY_MS);
  }
}

async function forget(sql: Sql, before: Date): Promise<number> {
  // Without it the table refuses.
  await sql.rows(`SET LOCAL monscale.audit_retention = 'on'`);
  const gone = await sql.rows(
    `DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE id < $1 ORDER BY id LIMIT ${AT_ONCE}) RETURNING 1`,
    [leastIdAt(before)],
  );
  return gone.length;
}

async function inPieces(piece: () => Promise<number>): Promise<void> {
  for (let pieces = 0; pieces < PIECES_AT_MOST; pieces++) if ((await piece()) < AT_ONCE) return;
}
