import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database';
import type { KnownEngine } from './engines';
import type { OwnEngine } from './secure-messages';

/** RFC 3411, 5: an enterprise's number with the first bit set (net-snmp's, as ours has none), then 12 bytes of our own. */
const ENGINE_PREFIX = '8000b98380';
const RECENT_SECONDS = 60;
const MAX_LEARNT = 100_000;

/** What listeners of all processes know of SNMP engines: our own, and those that send. */
@Injectable()
export class EngineStore {
  private hasLearnt = false;

  constructor(private readonly database: Database) {}

  /** The one of this installation; made when there is none. */
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
    await this.database.rows(
      `INSERT INTO snmp_engines (engine_id, boots, time, heard_at)
       SELECT * FROM unnest($1::text[], $2::int[], $3::int[], $4::timestamptz[])
       ON CONFLICT (engine_id) DO UPDATE SET boots = excluded.boots, time = excluded.time, heard_at = excluded.heard_at
         WHERE (excluded.boots, excluded.time) > (snmp_engines.boots, snmp_engines.time)`,
      [
        sorted.map(({ engineId }) => engineId),
        sorted.map(({ boots }) => boots),
        sorted.map(({ time }) => time),
        sorted.map(({ heardAt }) => heardAt),
      ],
      'engines_keep',
    );
  }

  /** All that were heard, the first time; then those that were heard lately. */
  async heard(now: Date): Promise<KnownEngine[]> {
    const since = this.hasLearnt ? new Date(now.getTime() - RECENT_SECONDS * 1000) : new Date(0);
    const engines = await this.database.rows<KnownEngine & Record<string, unknown>>(
      `SELECT engine_id AS "engineId", boots, time, heard_at AS "heardAt" FROM snmp_engines
       WHERE heard_at >= $1 ORDER BY heard_at DESC LIMIT ${MAX_LEARNT}`,
      [since],
      'engines_heard',
    );
    this.hasLearnt = true;
    return engines.reverse();
  }
}
