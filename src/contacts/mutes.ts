import { Injectable } from '@nestjs/common';
import type { Sql } from '../database/sql-pool';
import type { Acknowledged } from '../engine/types';
import { SilenceBook } from '../silences/silence-book';
import type { Hold } from './plan';

interface ServiceRow {
  id: string;
  labels: Record<string, string>;
  infrastructureId: string | null;
  intervalSeconds: number;
  acknowledged: Acknowledged | null;
}

/** What keeps contacts from being told of services: silences of notifications, and acknowledged alarms. */
@Injectable()
export class Mutes {
  constructor(private readonly silences: SilenceBook) {}

  /** Reads the silences where they have changed. */
  refresh(): Promise<void> {
    return this.silences.current();
  }

  /** Returns what mutes each of the services at a moment; those that nothing mutes are left out. */
  async of(sql: Sql, ids: readonly string[], now: number): Promise<Map<string, Hold>> {
    const muted = new Map<string, Hold>();
    if (ids.length === 0) return muted;
    const services = await sql.rows<ServiceRow & Record<string, unknown>>(
      `SELECT s.id, s.labels, s.infrastructure_id AS "infrastructureId", s.interval_seconds AS "intervalSeconds",
         st.state->'acknowledged' AS acknowledged
       FROM services s LEFT JOIN service_states st ON st.service_id = s.id WHERE s.id = ANY($1::uuid[])`,
      [ids],
    );
    for (const service of services) {
      const hold = this.silenceOf(service, now) ?? acknowledgementOf(service, now);
      if (hold !== undefined) muted.set(service.id, hold);
    }
    return muted;
  }

  private silenceOf(service: ServiceRow, now: number): Hold | undefined {
    const silence = this.silences
      .of(service, now)
      ?.find(({ mutes, from, until }) => mutes === 'notifications' && from <= now && now < until);
    if (silence === undefined) return undefined;
    const { owner, reason, until } = silence;
    const why = `${owner} silenced it (${JSON.stringify(reason)}) until ${new Date(until).toISOString()}`;
    return { by: 'silence', why };
  }
}

function acknowledgementOf({ acknowledged }: ServiceRow, now: number): Hold | undefined {
  if (acknowledged === null || acknowledged.until <= now) return undefined;
  const { by, note, until } = acknowledged;
  const why = `${by} acknowledged its alarm (${JSON.stringify(note)}) until ${new Date(until).toISOString()}`;
  return { by: 'acknowledged', why };
}
