import { Injectable } from '@nestjs/common';
import { Database } from '../database/database';
import type { Taken } from './formats/alert-format';

/** Longer than any format believes a message after it was made. */
const KEPT = "interval '2 hours'";
const FORGOTTEN_AT_ONCE = 1_000;

/**
 * Messages with an id of their own that were taken, and what was answered. One that comes again, from a sender that had
 * no answer or from somebody who has recorded it, is answered so and changes nothing. It is noted once its alerts are
 * committed: should the process die in between, it is taken twice, and its alerts are seen again.
 */
@Injectable()
export class TakenMessages {
  constructor(private readonly database: Database) {}

  async find(source: string, message: string): Promise<Taken | undefined> {
    const [row] = await this.database.rows<{ taken: Taken }>(
      'SELECT taken FROM taken_messages WHERE source = $1 AND message = $2',
      [source, message],
    );
    return row?.taken;
  }

  async note(source: string, message: string, taken: Taken): Promise<void> {
    await this.database.rows(
      `WITH old AS (
         DELETE FROM taken_messages WHERE ctid = ANY (ARRAY(
           SELECT ctid FROM taken_messages WHERE at < statement_timestamp() - ${KEPT} LIMIT ${FORGOTTEN_AT_ONCE}
           FOR UPDATE SKIP LOCKED)))
       INSERT INTO taken_messages (source, message, taken, at) VALUES ($1, $2, $3, statement_timestamp())
       ON CONFLICT DO NOTHING`,
      [source, message, JSON.stringify(taken)],
    );
  }
}
