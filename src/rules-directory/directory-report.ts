import { Injectable } from '@nestjs/common';
import { Conflict } from '../common/errors';
import { flag, list, moment, object, oneOf, shape, text, uuid, whole } from '../common/shapes';
import { CHANGE } from '../api/versioned-definitions';
import { recordAudit } from '../database/audit';
import { Database } from '../database/database';
import { FILES } from '../database/managed';
import { Drifts } from './drifts';

/** What is wrong, named by file, line and pointer. */
const MISTAKE = object({ pointer: text, detail: text }, { file: text, line: whole });
const NAMED = { kind: text, name: text };
const STATUSES = ['off', 'away', 'empty', 'waiting', 'applied', 'mistaken'];

/** Shape of what is told of the rules directory. */
export const REPORT = shape(
  'RulesDirectory',
  object(
    {
      status: oneOf(STATUSES),
      files: whole,
      managed: whole,
      mistakes: list(MISTAKE),
      kept: list(object({ ...NAMED, detail: text })),
      drift: list(
        object({ ...NAMED, id: uuid, how: oneOf(['changed', 'missing']) }, { changes: list(CHANGE) }),
      ),
      driftTotal: whole,
    },
    { folder: text, host: text, since: moment, lookedAt: moment, appliedAt: moment },
  ),
);
export const RELEASED = shape('RulesReleased', object({ released: whole, isOff: flag }));

/** Time after which a directory that nobody looks at counts as left, seconds. */
const AWAY_SECONDS = 30;

interface Row {
  status: string;
  isHeld: boolean;
  folder: string | null;
  host: string | null;
  since: Date | null;
  lookedAt: Date | null;
  appliedAt: Date | null;
  files: number;
  managed: number;
  mistakes: object[];
  kept: object[];
}

/** Tells how the rules directory is: what was applied, what is wrong, and what others have changed since. */
@Injectable()
export class DirectoryReport {
  constructor(
    private readonly database: Database,
    private readonly drifts: Drifts,
  ) {}

  async read(): Promise<object> {
    const [row] = await this.database.rows<Row & Record<string, unknown>>(
      `SELECT CASE WHEN looked_at IS NULL THEN 'off' WHEN looked_at < now() - interval '${AWAY_SECONDS} seconds' THEN 'away'
         ELSE status END AS status, folder, host, since, looked_at AS "lookedAt", applied_at AS "appliedAt",
         files, mistakes, kept, (SELECT count(*)::int FROM managed_definitions WHERE manager = '${FILES}') AS managed
       FROM rules_directory`,
    );
    const driftTotal = await this.drifts.count();
    const drift = driftTotal === 0 ? [] : await this.drifts.list();
    const { folder, host, since, lookedAt, appliedAt, ...known } = row!;
    const dated = Object.entries({ folder, host, since, lookedAt, appliedAt });
    return {
      ...known,
      drift,
      driftTotal,
      ...Object.fromEntries(dated.filter(([, value]) => value !== null)),
    };
  }

  /**
   * Lets go of everything that the directory manages: it stays, and anybody may change it.
   *
   * @throws Conflict while a process looks at the directory, which would take it again
   */
  async release(): Promise<{ released: number; isOff: true }> {
    return this.database.transaction(async (sql) => {
      const free = await sql.rows(
        `UPDATE rules_directory SET status = 'off', looked_at = NULL, since = now(), applied = NULL, applied_at = NULL,
           files = 0, mistakes = '[]', failed = NULL, kept = '[]', superseded = '[]', holder = NULL
         WHERE held_until IS NULL OR held_until < now() RETURNING 1`,
      );
      if (free.length === 0)
        throw new Conflict(
          'a process looks at the rules directory: start the schedulers without MONSCALE_RULES_DIR first',
        );
      const released = await sql.rows(
        `DELETE FROM managed_definitions WHERE manager = '${FILES}' RETURNING 1`,
      );
      const object = { type: 'rules_directory' };
      await recordAudit(sql, [{ action: 'release', object, detail: { released: released.length } }]);
      return { released: released.length, isOff: true as const };
    });
  }
}
