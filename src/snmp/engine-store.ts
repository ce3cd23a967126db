import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { recordAudit } from '../database/audit';
import { Database } from '../database/database';
import type { Sql } from '../database/sql-pool';
import { Statement } from '../database/statement';
import type { KnownEngine } from './engines';
import type { OwnEngine } from './secure-messages';

/**
 * Beginning of our engine id, RFC 3411, 5: an enterprise's number with the first bit set (net-snmp's, as ours has none)
 * and the format; 12 random bytes follow.
 */
const ENGINE_PREFIX = '8000b98380';
const RECENT_SECONDS = 60;
const MAX_LEARNT = 100_000;
const SHOWN = 1_000;
/** Age at which notes of forgotten engines are deleted, seconds: longer than any listener needs to learn of them. */
const KEPT_SECONDS = 86_400;

/** Keeps boots and times of engines that were heard; those of an older message change nothing. */
const KEEP = new Statement(
  'engines_keep',
  `INSERT INTO snmp_engines (engine_id, boots, time, heard_at, source_id, address)
   SELECT u.engine_id, u.boots, u.time, u.heard_at, s.id, u.address
   FROM unnest($1::text[], $2::int[], $3::int[], $4::timestamptz[], $5::uuid[], $6::text[])
       AS u (engine_id, boots, time, heard_at, source_id, address)
     LEFT JOIN sources s ON s.id = u.source_id
   -- What was heard before it was forgotten does not come back.
   WHERE NOT EXISTS (SELECT FROM forgotten_engines f WHERE f.engine_id = u.engine_id AND f.forgotten_at >= u.heard_at)
   ON CONFLICT (engine_id) DO UPDATE SET boots = excluded.boots, time = excluded.time, heard_at = excluded.heard_at,
       source_id = excluded.source_id, address = excluded.address
     WHERE (excluded.boots, excluded.time) > (snmp_engines.boots, snmp_engines.time)`,
);

/** Reads the engines heard since a moment, the newest first. */
const HEARD = new Statement<KnownEngine & Record<string, unknown>>(
  'engines_heard',
  `SELECT engine_id AS "engineId", boots, time, heard_at AS "heardAt" FROM snmp_engines
   WHERE heard_at >= $1 ORDER BY heard_at DESC LIMIT ${MAX_LEARNT}`,
);

/** Reads the engines forgotten since a moment. */
const FORGOTTEN = new Statement<{ engine_id: string; at: string }>(
  'engines_forgotten',
  `SELECT engine_id, forgotten_at::text AS at FROM forgotten_engines WHERE forgotten_at >= $1`,
);

/** Stores what the listeners of all processes know of SNMP engines: our own, and those that send. */
@Injectable()
export class EngineStore {
  private hasLearnt = false;
  private forgotten = new Set<string>();

  constructor(private readonly database: Database) {}

  /** Returns this installation's engine, and makes it when there is none. */
  async own(now: Date): Promise<OwnEngine> {
    await this.database.rows('INSERT INTO snmp_engine (id, since) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
      ENGINE_PREFIX + randomBytes(12).toString('hex'),
      now,
    ]);
    const [engine] = await this.database.rows<{ id: string; since: Date }>(
      'SELECT id, since FROM snmp_engine',
    );
    return engine!;
  }

  async keep(engines: readonly KnownEngine[]): Promise<void> {
    if (engines.length === 0) return;
    const sorted = [...engines].sort((a, b) => (a.engineId < b.engineId ? -1 : 1));
    await KEEP.rows(this.database, [
      sorted.map(({ engineId }) => engineId),
      sorted.map(({ boots }) => boots),
      sorted.map(({ time }) => time),
      sorted.map(({ heardAt }) => heardAt),
      sorted.map(({ source }) => source ?? null),
      sorted.map(({ address }) => address ?? null),
    ]);
  }

  /** Returns the engines that were heard: all of them at the first call, later those of the last minute. */
  async heard(now: Date): Promise<KnownEngine[]> {
    const since = this.hasLearnt ? new Date(now.getTime() - RECENT_SECONDS * 1000) : new Date(0);
    const engines = await HEARD.rows(this.database, [since]);
    this.hasLearnt = true;
    return engines.reverse();
  }

  /** Returns engines that any process has forgotten since the last call. */
  async newlyForgotten(now: Date): Promise<string[]> {
    const rows = await FORGOTTEN.rows(this.database, [new Date(now.getTime() - RECENT_SECONDS * 1000)]);
    const known = this.forgotten;
    this.forgotten = new Set(rows.map(({ engine_id, at }) => `${engine_id} ${at}`));
    return rows.flatMap(({ engine_id, at }) => (known.has(`${engine_id} ${at}`) ? [] : [engine_id]));
  }

  /** Lists engines that this source heard, and those whose source is not known any more; the newest first. */
  async ofSource(source: string): Promise<object[]> {
    const rows = await this.database.rows<KnownEngine & Record<string, unknown>>(
      `SELECT engine_id AS "engineId", boots, time, heard_at AS "heardAt", address FROM snmp_engines
       WHERE source_id = $1 OR source_id IS NULL AND EXISTS (SELECT FROM sources WHERE id = $1 AND format = 'snmp')
       ORDER BY heard_at DESC LIMIT ${SHOWN}`,
      [source],
    );
    return rows.map(({ engineId, boots, time, heardAt, address }) => ({
      engineId: shownEngineId(engineId),
      boots,
      time,
      heardAt,
      ...(address ? { address } : {}),
    }));
  }

  /**
   * Forgets an engine of a source.
   *
   * @returns false when it was not heard
   */
  async forget(source: { id: string; name: string }, engineId: string, now: Date): Promise<boolean> {
    const plain = engineId.toLowerCase().replace(/^0x/, '');
    const known = await this.database.rows(
      'SELECT FROM snmp_engines WHERE engine_id = $1 AND (source_id = $2 OR source_id IS NULL)',
      [plain, source.id],
    );
    if (known.length === 0) return false;
    await this.database.transaction(async (sql) => {
      await forgetEnginesIn(sql, [plain], now);
      const object = { type: 'source', ...source };
      await recordAudit(sql, [{ action: 'forget_engine', object, detail: { engine: shownEngineId(plain) } }]);
    });
    return true;
  }
}

/** Forgets engines, for the listeners of all processes: boots and time of their next message are believed again. */
export async function forgetEngines(
  database: Database,
  engineIds: readonly string[],
  now: Date,
): Promise<void> {
  if (engineIds.length === 0) return;
  await database.transaction((sql) => forgetEnginesIn(sql, engineIds, now));
}

/** Forgets engines in a transaction. */
export async function forgetEnginesIn(
  sql: Pick<Sql, 'rows'>,
  engineIds: readonly string[],
  now: Date,
): Promise<void> {
  await sql.rows('DELETE FROM snmp_engines WHERE engine_id = ANY($1)', [engineIds]);
  await sql.rows(
    `INSERT INTO forgotten_engines (engine_id, forgotten_at) SELECT unnest($1::text[]), $2
     ON CONFLICT (engine_id) DO UPDATE SET forgotten_at = excluded.forgotten_at`,
    [engineIds, now],
  );
  await sql.rows('DELETE FROM forgotten_engines WHERE forgotten_at < $1', [
    new Date(now.getTime() - KEPT_SECONDS * 1000),
  ]);
}

/** Writes an engine id as net-snmp's tools take it: hexadecimal with `0x` in front. */
export const shownEngineId = (engineId: string): string => `0x${engineId}`;
