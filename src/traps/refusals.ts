import { Injectable } from '@nestjs/common';
import { telemetry } from '../common/telemetry';
import { Database } from '../database/database';
import { Statement } from '../database/statement';
import { shownEngineId } from '../snmp/engine-store';
import type { Refusal } from '../snmp/refusal';

/** Most senders that one process keeps between two writes; further ones are only counted in the metric. */
const MAX_GATHERED = 200;
const MAX_KEPT = 1_000;
const SHOWN = 100;

interface Refused extends Refusal {
  address: string;
  count: number;
  firstAt: Date;
  lastAt: Date;
}

/** Adds to what is known of refused senders. */
const WRITE = new Statement(
  'refusals_write',
  `INSERT INTO trap_refusals (address, reason, source_id, count, first_at, last_at, engine_id)
   SELECT u.address, u.reason, u.source_id, u.count, u.first_at, u.last_at, u.engine_id
   FROM unnest($1::text[], $2::text[], $3::uuid[], $4::bigint[], $5::timestamptz[], $6::timestamptz[], $7::text[])
       AS u (address, reason, source_id, count, first_at, last_at, engine_id)
   WHERE u.source_id IS NULL OR EXISTS (SELECT FROM sources s WHERE s.id = u.source_id)
   ON CONFLICT (address, reason, source_id)
     DO UPDATE SET count = trap_refusals.count + excluded.count, last_at = greatest(trap_refusals.last_at, excluded.last_at),
       engine_id = coalesce(excluded.engine_id, trap_refusals.engine_id)`,
);

/** Deletes refused senders but the newest. */
const DROP_OLD = new Statement(
  'refusals_old',
  `DELETE FROM trap_refusals WHERE ctid IN (SELECT ctid FROM trap_refusals ORDER BY last_at DESC OFFSET ${MAX_KEPT})`,
);

/**
 * Refused senders with the reasons, of all listeners: gathered in memory and written once a second, a bounded number.
 */
@Injectable()
export class Refusals {
  private gathered = new Map<string, Refused>();

  constructor(private readonly database: Database) {}

  note(address: string, { reason, source, engineId }: Refusal, at: Date): void {
    telemetry.alertsRefused.inc({ format: 'snmp', reason });
    const key = `${address} ${reason} ${source}`;
    const known = this.gathered.get(key);
    if (known !== undefined) {
      known.count++;
      known.lastAt = at;
      known.engineId = engineId;
    } else if (this.gathered.size < MAX_GATHERED) {
      this.gathered.set(key, { address, reason, source, engineId, count: 1, firstAt: at, lastAt: at });
    }
  }

  /** Writes what was gathered. What can't be written is kept for the next time, added to what came meanwhile. */
  async flush(): Promise<void> {
    const { gathered } = this;
    if (gathered.size === 0) return;
    this.gathered = new Map();
    try {
      // In one order, so that two listeners at once don't wait for each other.
      const entries = [...gathered.entries()].sort(([a], [b]) => (a < b ? -1 : 1));
      await this.write(entries.map(([, row]) => row));
    } catch (error) {
      for (const [key, row] of gathered) {
        const since = this.gathered.get(key);
        this.gathered.set(key, {
          ...row,
          count: row.count + (since?.count ?? 0),
          lastAt: since?.lastAt ?? row.lastAt,
          engineId: since?.engineId ?? row.engineId,
        });
      }
      throw error;
    }
  }

  private async write(rows: readonly Refused[]): Promise<void> {
    await WRITE.rows(this.database, [
      rows.map(({ address }) => address),
      rows.map(({ reason }) => reason),
      rows.map(({ source }) => source ?? null),
      rows.map(({ count }) => count),
      rows.map(({ firstAt }) => firstAt),
      rows.map(({ lastAt }) => lastAt),
      rows.map(({ engineId }) => engineId ?? null),
    ]);
    await DROP_OLD.rows(this.database);
  }

  /** Returns the last senders that this source refused, and those whose source is unknown; the newest first. */
  async ofSource(id: string): Promise<object[]> {
    const rows = await this.database.rows<{ engineId: string | null } & Record<string, unknown>>(
      `SELECT address, reason, count::int, first_at AS "firstAt", last_at AS "lastAt", engine_id AS "engineId" FROM trap_refusals
       WHERE source_id = $1 OR source_id IS NULL AND EXISTS (SELECT FROM sources WHERE id = $1 AND format = 'snmp') ORDER BY last_at DESC LIMIT ${SHOWN}`,
      [id],
    );
    return rows.map(({ engineId, ...row }) =>
      engineId === null ? row : { ...row, engineId: shownEngineId(engineId) },
    );
  }
}
