import { Injectable } from '@nestjs/common';
import { isId, leastIdAt } from '../common/ids';
import { Database } from '../database/database';
import type { Outcome } from '../database/audit';
import { COUNTED_AT_MOST, Parameters } from '../database/pages';
import type { Change } from '../common/differences';

export interface AuditFilter {
  from?: Date;
  to?: Date;
  actor?: string;
  action?: string;
  /** Id or name of an object, or `type:name`. */
  object?: string;
  outcome?: string;
  via?: string;
  address?: string;
}

interface Row {
  id: string;
  at: Date;
  actor: string;
  via: string;
  address: string;
  action: string;
  objectType: string;
  objectId: string | null;
  objectName: string | null;
  outcome: Outcome;
  changes: Change[] | null;
  detail: object | null;
}

/** Entry as the API shows it. */
export interface ShownEntry {
  id: string;
  at: string;
  actor: string;
  via: string;
  address: string;
  action: string;
  object: { type: string; id?: string; name?: string };
  outcome: Outcome;
  changes: Change[];
  detail?: object;
}

const COLUMNS = `id, at, actor, via, address, action, object_type AS "objectType", object_id AS "objectId",
  object_name AS "objectName", outcome, changes, detail`;

/** Entries of a page of a stream. */
const STREAMED_AT_ONCE = 100;

/** Tables whose objects have a name that may have changed since an entry was written. */
const NAMED = ['services', 'infrastructures', 'actions', 'sources', 'users'];
const IDS_OF_NAME = NAMED.map((table) => `SELECT id::text FROM ${table} WHERE name = $1`).join(' UNION ALL ');

/** Reads the audit, newest first. */
@Injectable()
export class AuditLog {
  constructor(private readonly database: Database) {}

  /** Returns up to `limit` entries. @param before id of the entry before the first one */
  async read(filter: AuditFilter, limit: number, before: string | undefined): Promise<ShownEntry[]> {
    const parameters = new Parameters();
    const conditions = conditionsIn({ ...filter, before }, parameters.add);
    const alternatives = await this.alternatives(filter.object, parameters.add);
    const most = parameters.add(limit);
    const selected = alternatives.map(
      (one) =>
        `(SELECT ${COLUMNS} FROM audit WHERE ${[...conditions, one].join(' AND ')} ORDER BY id DESC LIMIT ${most})`,
    );
    // Each of them is read by an index of its own; an entry that fits two is there once.
    const rows = await this.database.rows<Row & Record<string, unknown>>(
      selected.length === 1
        ? selected[0]!
        : `SELECT DISTINCT ON (id) * FROM (${selected.join(' UNION ALL ')}) entry ORDER BY id DESC LIMIT ${most}`,
      parameters.values,
    );
    return rows.map(shown);
  }

  /** Counts entries, up to one above the limit of what is counted. */
  async count(filter: AuditFilter): Promise<number> {
    const parameters = new Parameters();
    const conditions = conditionsIn(filter, parameters.add);
    const alternatives = await this.alternatives(filter.object, parameters.add);
    const most = COUNTED_AT_MOST + 1;
    // An entry that fits two of them counts once.
    const selected = alternatives.map(
      (one) => `(SELECT id FROM audit WHERE ${[...conditions, one].join(' AND ')} LIMIT ${most})`,
    );
    const [row] = await this.database.rows<{ count: number }>(
      `SELECT count(*)::int AS count FROM (SELECT id FROM (${selected.join(' UNION ')}) fitting LIMIT ${most}) counted`,
      parameters.values,
    );
    return row!.count;
  }

  /** Returns all entries as lines of JSON, a page at a time, as fast as they are taken. */
  async *lines(filter: AuditFilter): AsyncGenerator<string> {
    for (let before: string | undefined; ;) {
      const entries = await this.read(filter, STREAMED_AT_ONCE, before);
      if (entries.length > 0) yield entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
      if (entries.length < STREAMED_AT_ONCE) return;
      before = entries.at(-1)!.id;
    }
  }

  /** Returns conditions for the entries of an object, also those under an earlier name: one of them is true. */
  private async alternatives(object: string | undefined, value: Parameters['add']): Promise<string[]> {
    if (object === undefined) return ['true'];
    if (isId(object)) return [`object_id = ${value(object)}`];
    const [, type, name] = /^([a-z_]+):(.+)$/s.exec(object) ?? [];
    const typed = type === undefined ? '' : ` AND object_type = ${value(type)}`;
    const called = name ?? object;
    const now = await this.database.rows<{ id: string }>(IDS_OF_NAME, [called]);
    const ids = isId(called) ? [called] : now.map(({ id }) => id);
    return [
      `object_name = ${value(called)}${typed}`,
      ...ids.map((id) => `object_id = ${value(id)}${typed}`),
      // A name may have a colon, too.
      ...(type === undefined ? [] : [`object_name = ${value(object)}`]),
    ];
  }
}

function conditionsIn(
  { from, to, before, actor, action, outcome, via, address }: AuditFilter & { before?: string },
  value: Parameters['add'],
): string[] {
  const same = Object.entries({ actor, action, outcome, via, address });
  return [
    ...(before === undefined ? [] : [`id < ${value(before)}::uuid`]),
    // A range of time is one of ids, by which every index is ordered.
    ...(from === undefined ? [] : [`id >= ${value(leastIdAt(from))}::uuid`]),
    ...(to === undefined ? [] : [`id < ${value(leastIdAt(to))}::uuid`]),
    ...same.flatMap(([column, given]) => (given === undefined ? [] : [`${column} = ${value(given)}`])),
  ];
}

function shown({ at, objectType, objectId, objectName, changes, detail, ...rest }: Row): ShownEntry {
  const object = {
    type: objectType,
    ...(objectId === null ? {} : { id: objectId }),
    ...(objectName === null ? {} : { name: objectName }),
  };
  const { id, actor, via, address, action, outcome } = rest;
  return {
    id,
    at: at.toISOString(),
    actor,
    via,
    address,
    action,
    object,
    outcome,
    changes: changes ?? [],
    ...(detail === null ? {} : { detail }),
  };
}
