import { Injectable } from '@nestjs/common';
import { Database } from '../database/database';
import type { Taken } from './formats/alert-format';

/** Time for which messages are kept, in SQL: longer than any format accepts a message after it was made. */
const KEPT = "interval '2 hours'";
const FORGOTTEN_AT_ONCE = 1_000;

/**
 * Messages with an id of their own that were taken, with their answers. A message that comes again, from a sender that
 * got no answer or from somebody who has recorded it, gets the same answer and changes nothing. It is recorded once its
 * alerts are committed: if the process dies in between, the message is taken twice, and its alerts count as seen again.
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
