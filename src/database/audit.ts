import { Injectable, Logger } from '@nestjs/common';
import { Batcher } from '../common/batcher';
import { currentCaller, type Caller } from '../common/caller';
import type { Change } from '../common/differences';
import { messageOf } from '../common/errors';
import { newId, timeOf } from '../common/ids';
import { storable, storableJson } from '../common/json';
import { mapValues } from '../common/records';
import { isSealed, KEPT_SECRET } from '../common/secret-value';
import { telemetry } from '../common/telemetry';
import { Database } from './database';
import type { Sql } from './sql-pool';

export type Outcome = 'succeeded' | 'failed' | 'refused';

/** Act of a caller, as it is written down. */
export interface AuditEntry {
  /** Verb, such as `create`, `approve` or `sign_in`. */
  action: string;
  /** Thing it was done to: its type in the singular, its id and its name, as far as it has them. */
  object: { type: string; id?: string; name?: string };
  /** Outcome, by default `succeeded`. `failed` is tried in vain, `refused` is not allowed. */
  outcome?: Outcome;
  /** Differences that it made, as the API shows them: secrets masked. */
  changes?: readonly Change[];
  /** Other facts: why it was refused, what was asked. */
  detail?: Readonly<Record<string, unknown>>;
  /** Who did it; by default who makes the request that is being worked on. */
  caller?: Actor;
}

/** Who acted, by what and from where. */
export type Actor = Pick<Caller, 'actor' | 'via' | 'address' | 'userId' | 'credentialId'>;

/** Caller of what nobody asked for: the program's own work, and commands on its machine. */
export const PROGRAM: Actor = { actor: 'monscale', via: 'program', address: '' };

/** Longest value that is kept whole, characters of JSON. */
const VALUE_AT_MOST = 2_048;
/** Room for all changes of an entry, and for its detail, characters of JSON. */
const CHANGES_AT_MOST = 65_536;
const DETAIL_AT_MOST = 16_384;
const TEXT_AT_MOST = 300;
/** Rows of a statement. */
const ROWS_AT_ONCE = 200;
/** Entries without a transaction that may wait to be written. */
const WAITING_AT_MOST = 5_000;

/**
 * Writes entries of the audit in the transaction of the change that they tell of.
 *
 * @param sql runs statements in that transaction
 */
export async function recordAudit(sql: Pick<Sql, 'rows'>, entries: readonly AuditEntry[]): Promise<void> {
  for (let from = 0; from < entries.length; from += ROWS_AT_ONCE) {
    const rows = entries.slice(from, from + ROWS_AT_ONCE).map(rowOf);
    await sql.rows(
      `INSERT INTO audit (id, at, actor, via, user_id, credential_id, address, action,
         object_type, object_id, object_name, outcome, changes, detail)
       SELECT * FROM jsonb_to_recordset($1::jsonb) AS entry (id uuid, at timestamptz, actor text, via text, user_id uuid,
         credential_id text, address text, action text, object_type text, object_id text, object_name text, outcome text,
         changes jsonb, detail jsonb)`,
      [storableJson(JSON.stringify(rows))],
    );
  }
}

/** Journal of who did what, for the rooms of the program. */
@Injectable()
export class Audit {
  private readonly logger = new Logger('Audit');
  private readonly notes = new Batcher(async (entries: AuditEntry[]) => {
    await recordAudit(this.database, entries);
    return entries;
  });
  private waiting = 0;

  constructor(private readonly database: Database) {}

  /** Writes an entry in the transaction of the change that it tells of. */
  record(sql: Pick<Sql, 'rows'>, ...entries: AuditEntry[]): Promise<void> {
    return recordAudit(sql, entries);
  }

  /**
   * Writes an entry of what has no transaction, such as a refusal, together with others. Never throws: what can't be
   * written, since PostgreSQL is away or too many wait, is logged and counted.
   */
  async note(entry: AuditEntry): Promise<void> {
    if (this.waiting >= WAITING_AT_MOST) return telemetry.auditDrops.inc({ reason: 'full' });
    this.waiting++;
    try {
      // Of whoever asks now: the batch is written in the name of nobody.
      await this.notes.add({ ...entry, caller: entry.caller ?? currentCaller() ?? PROGRAM });
    } catch (error) {
      telemetry.auditDrops.inc({ reason: 'not_written' });
      this.logger.error(`an entry of the audit is not written down: ${entry.action}: ${messageOf(error)}`);
    } finally {
      this.waiting--;
    }
  }
}

function rowOf({ action, object, outcome = 'succeeded', changes, detail, caller }: AuditEntry): object {
  const { actor, via, address, userId, credentialId } = caller ?? currentCaller() ?? PROGRAM;
  const id = newId();
  const { kept, leftOut } = cutChanges(changes ?? []);
  const facts = leftOut === 0 ? detail : { ...detail, changesLeftOut: leftOut };
  return {
    id,
    // The moment in its id, so that a range of time is a range of ids.
    at: timeOf(id).toISOString(),
    actor: shortened(actor),
    via,
    user_id: userId ?? null,
    credential_id: credentialId ?? null,
    address,
    action,
    object_type: object.type,
    object_id: shortened(object.id),
    object_name: shortened(object.name),
    outcome,
    changes: kept.length === 0 ? null : kept,
    detail: facts === undefined ? null : cut(masked(facts), DETAIL_AT_MOST),
  };
}

/** Returns changes with secrets masked and long values cut, as many as there is room for. */
export function cutChanges(changes: readonly Change[]): { kept: Change[]; leftOut: number } {
  const kept: Change[] = [];
  let room = CHANGES_AT_MOST;
  for (const change of changes) {
    const short = { ...mapValues({ ...change }, (value) => cut(masked(value), VALUE_AT_MOST)) } as unknown;
    room -= JSON.stringify(short).length;
    if (room < 0) break;
    kept.push(short as Change);
  }
  return { kept, leftOut: changes.length - kept.length };
}

/** Returns a value whose JSON is short enough; of a longer one the beginning of its JSON, and its length. */
function cut(value: unknown, atMost: number): unknown {
  const json = JSON.stringify(value) ?? 'null';
  return json.length <= atMost ? value : { cut: json.slice(0, atMost), length: json.length };
}

/** Returns a value without what is encrypted in it. */
function masked(value: unknown): unknown {
  if (isSealed(value)) return KEPT_SECRET;
  if (Array.isArray(value)) return value.map(masked);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return mapValues(value as Record<string, unknown>, masked);
}

const shortened = (text: string | undefined): string | null =>
  text === undefined ? null : storable(text).slice(0, TEXT_AT_MOST);
