import { Injectable } from '@nestjs/common';
import { newId } from '../common/ids';
import { Database } from '../database/database';
import type { Sql } from '../database/sql-pool';
import type { EventName } from './events';
import { endStatement, findStatement, HAPPENINGS } from './happenings';

/** Key of the advisory lock (an arbitrary number) under which one process at a time looks at what happens. */
const LOCK = 0x6e6f7465;
/** Rows of a statement; the next round does the rest. */
const AT_ONCE = 5_000;

interface Found {
  contact: string;
  object: string;
  occurrence: string;
  since: Date;
  service: string | null;
  text: string;
  facts: object;
}

/** Notices of what happens: one for each contact that asks, thing, and time that it happens to it. */
@Injectable()
export class Notices {
  constructor(private readonly database: Database) {}

  /**
   * Writes down what happens that contacts ask for, and what of it is over, unless another process is at it.
   *
   * @param events that any contact asks for
   * @returns false where another process is at it
   */
  async gather(events: readonly EventName[]): Promise<boolean> {
    return this.database.transaction(async (sql) => {
      const [lock] = await sql.rows<{ isMine: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS "isMine"', [
        LOCK,
      ]);
      if (!lock!.isMine) return false;
      // First what is over: a thing has one open notice, and may be so again at once.
      for (const event of Object.keys(HAPPENINGS) as EventName[])
        await sql.rows(endStatement(HAPPENINGS[event], AT_ONCE), [event]);
      for (const event of events) await this.find(sql, event);
      return true;
    });
  }

  private async find(sql: Sql, event: EventName): Promise<void> {
    const happening = HAPPENINGS[event];
    const isWatched = happening.items.includes('$2');
    const watch = isWatched ? await this.watch(sql, event) : undefined;
    const found = await sql.rows<Found & Record<string, unknown>>(
      findStatement(happening, AT_ONCE),
      watch === undefined ? [event] : [event, watch.from],
    );
    if (found.length > 0) await insert(sql, event, found);
    if (watch === undefined) return;
    const until = found.length < AT_ONCE ? watch.now : found.at(-1)!.since;
    await sql.rows(
      `INSERT INTO notice_watch (event, until) VALUES ($1, $2)
       ON CONFLICT (event) DO UPDATE SET until = excluded.until`,
      [event, until],
    );
  }

  /**
   * Returns the moment until which executions that ended badly were looked at; never one before anybody asked for them,
   * nor one that a wrong clock left ahead.
   */
  private async watch(sql: Sql, event: EventName): Promise<{ from: Date; now: Date }> {
    const [row] = await sql.rows<{ from: Date; now: Date }>(
      `SELECT now() AS now, greatest(
         (SELECT min((asked_since->>$1)::timestamptz) FROM contacts WHERE $1 = ANY(events)),
         (SELECT least(now(), until) FROM notice_watch WHERE event = $1)) AS from`,
      [event],
    );
    return row!;
  }
}

async function insert(sql: Sql, event: EventName, found: readonly Found[]): Promise<void> {
  await sql.rows(
    `INSERT INTO notices (id, contact_id, event, object_id, occurrence, since, noticed_at, service_id, text, facts, status, is_due)
     SELECT u.id, u.contact, $1, u.object, u.occurrence, u.since, now(), u.service, u.text, u.facts, 'waiting', true
     FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::timestamptz[], $7::uuid[], $8::text[], $9::jsonb[])
       AS u (id, contact, object, occurrence, since, service, text, facts)
     ON CONFLICT DO NOTHING`,
    [
      event,
      found.map(() => newId()),
      found.map(({ contact }) => contact),
      found.map(({ object }) => object),
      found.map(({ occurrence }) => occurrence),
      found.map(({ since }) => since),
      found.map(({ service }) => service),
      found.map(({ text }) => text),
      found.map(({ facts }) => JSON.stringify(facts)),
    ],
  );
}
