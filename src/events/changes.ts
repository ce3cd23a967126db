import { Inject, Injectable } from '@nestjs/common';
import { Batcher } from '../common/batcher';
import { CLOCK, type Clock } from '../common/clock';
import { CONFIG, type Config } from '../config/config';
import { Database } from '../database/database';
import { LABELS_OF_EXECUTION } from '../database/scopes';
import { Statement } from '../database/statement';
import { coveredServices } from '../silences/silence';
import { EVENTS, type Change, type EventType, type Face } from './change';
import { inOrder, isTold, snapshotIn, type Position } from './position';

/** Largest number of changes that are told one by one; of more, readers are told to read everything again. */
export const CHANGES_AT_ONCE = 500;
/** Oldest position from which changes are told: what is older may have been deleted since. */
const GAP_AT_MOST_SECONDS = 3_600;
/** Largest number of labels that are looked at to find out who may hear of an alert or a silence. */
const FACES_AT_MOST = 1_000;

export interface News {
  /** Position of whoever knows the changes. */
  position: Position;
  /** Changes in order; undefined where they are too many, too old, or of another database. */
  changes?: Change[];
  /** Whether somebody may have got or lost rights meanwhile. */
  rightsChanged: boolean;
}

interface Row {
  transaction: string;
  /** Event, or `rights`. */
  type: EventType | 'rights';
  id: string;
  /** Id of the row that was written, by which changes of one transaction are ordered. */
  row: string;
  facts: Record<string, unknown>;
  faces: Face[] | null;
}

interface Answer {
  snapshot: string;
  database: string;
  rows: Row[] | null;
}

/**
 * Reads what has changed, from the tables themselves: what was rolled back is not there, and what was committed is,
 * whichever process wrote it. Each row that is told of has the transaction that wrote it last, with an index.
 */
@Injectable()
export class Changes {
  /** Positions of now; concurrent requests share one statement. */
  private readonly nows = new Batcher(async (requests: undefined[]) => {
    const [answer] = await this.database.rows<Answer>(`SELECT ${POSITION}`);
    const position = this.positionOf(answer!);
    return requests.map(() => position);
  });

  constructor(
    private readonly database: Database,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Returns the position of whoever has seen everything. */
  now(): Promise<Position> {
    return this.nows.add(undefined);
  }

  /** Reads the changes since a position. */
  async since(from: Position): Promise<News> {
    const [answer] = await NEWS.rows(this.database.keyed, [
      String(from.seen.end),
      from.seen.open.map(String),
      CHANGES_AT_ONCE + 1,
    ]);
    const position = this.positionOf(answer!);
    const rows = answer!.rows ?? [];
    const rightsChanged = rows.some(({ type }) => type === 'rights');
    const told = rows.filter(({ type }) => type !== 'rights');
    // A server that knows fewer transactions is another one, or has lost some.
    const isContinued =
      position.database === from.database &&
      position.seen.end >= from.seen.end &&
      position.at - from.at <= GAP_AT_MOST_SECONDS;
    if (!isContinued || told.length > CHANGES_AT_ONCE) return { position, rightsChanged: true };
    const changes = told.map((row) => this.changeOf(row)).filter((change) => !isTold(from, change));
    return { position, changes: inOrder(changes, from), rightsChanged };
  }

  private positionOf({ snapshot, database }: Answer): Position {
    const at = Math.floor(this.clock.now().getTime() / 1_000);
    return { database, at, seen: snapshotIn(snapshot) };
  }

  private changeOf({ transaction, type, id, row, facts, faces }: Row): Change {
    const key = `${EVENTS.indexOf(type as EventType)}${row}`;
    const place = { transaction: BigInt(transaction), key };
    const known =
      type === 'killSwitch' ? { ...facts, on: facts.on === true || this.config.killSwitch } : facts;
    return { ...place, type: type as EventType, id, facts: known, ...(faces === null ? {} : { faces }) };
  }
}

/** SQL: where the reader stands; the database by what tells it from others, in 32 bits. */
const POSITION = `pg_current_snapshot()::text AS snapshot,
  (SELECT to_hex(hashtext(concat_ws(' ', system_identifier, database_oid, table_oid))) FROM installation) AS database`;

/**
 * SQL: the newest rows of a table, those that the reader at `$1`, `$2` has not seen. Each branch goes by the index, and
 * reads no row that was seen, however long other transactions take.
 *
 * @param told which rows are told: others may not take the places of these, as what is beyond `$3` is never read
 */
const unseen = (table: string, told?: string): string => {
  const only = told === undefined ? '' : ` AND ${told}`;
  return `((SELECT * FROM ${table} t WHERE written_by = ANY($2::xid8[])${only} LIMIT $3)
    UNION ALL
    -- Of the future is what another server wrote, and was restored here.
    (SELECT * FROM ${table} t WHERE written_by >= $1::xid8 AND written_by < pg_snapshot_xmax(pg_current_snapshot())${only}
     ORDER BY written_by LIMIT $3)) n`;
};

const FACTS = 'jsonb_build_object';
const face = (labels: string): string => `jsonb_build_array(${FACTS}('labels', ${labels}))`;

/** SQL: what the service of a row is called and labelled. */
const SERVICE = `JOIN LATERAL (SELECT name, labels FROM services WHERE id = n.service_id LIMIT 1) s ON true`;

/** SQL: the faces of all that a query finds labels for, and of nothing, which only readers without a scope see. */
const facesOf = (labels: string): string =>
  `coalesce((SELECT jsonb_agg(${FACTS}('labels', found.labels)) FROM (${labels}) found), ${face('NULL::jsonb')})`;

const COVERED = `SELECT DISTINCT s.labels FROM (${coveredServices('s.labels')}) s LIMIT ${FACES_AT_MOST}`;

/** SQL: transaction, type, id, row, facts and faces of each kind of change. */
const KINDS: readonly string[] = [
  `SELECT n.written_by AS transaction, 'state' AS type, n.service_id::text AS id, n.id::text AS row,
     ${FACTS}('name', s.name, 'phase', n.phase, 'reason', n.reason, 'since', n.started_at) AS facts, ${face('s.labels')} AS faces
   FROM ${unseen('decisions', 'EXISTS (SELECT FROM services WHERE id = t.service_id)')} ${SERVICE}`,
  `SELECT e.written_by, 'execution', e.id::text, e.id::text,
     jsonb_strip_nulls(${FACTS}('name', coalesce(e.service_name, e.action_name), 'service', e.service_name, 'status', e.status)),
     ${face(LABELS_OF_EXECUTION)}
   FROM ${unseen('executions').replace(/n$/, 'e')}`,
  `SELECT n.written_by, 'alert', n.id::text, n.id::text,
     ${FACTS}('name', n.dedup_key, 'source', n.source, 'status', n.status),
     ${facesOf(`SELECT DISTINCT s.labels FROM alert_matches m JOIN services s ON s.id = m.service_id WHERE m.alert_id = n.id LIMIT ${FACES_AT_MOST}`)}
   FROM ${unseen('alerts')}`,
  `SELECT n.written_by, 'definition', n.id::text, n.kind || '-' || n.id,
     ${FACTS}('kind', n.kind, 'change', CASE WHEN v.deleted THEN 'deleted' WHEN v.version = 1 THEN 'created' ELSE 'changed' END),
     coalesce(v.faces, ${face('NULL::jsonb')})
   FROM ${unseen('definition_changes', `kind IN ('service', 'infrastructure', 'action', 'contact', 'source')`)}
     LEFT JOIN LATERAL (SELECT max(w.version) AS version, bool_or(w.deleted_at IS NOT NULL) AS deleted,
         jsonb_agg(${FACTS}('labels', CASE WHEN n.kind <> 'source' THEN w.definition->'labels' END,
           'facts', ${FACTS}('name', w.definition->'name')) ORDER BY w.version DESC) AS faces
       FROM (SELECT * FROM definition_versions WHERE definition_id = n.id AND kind = n.kind ORDER BY version DESC LIMIT 2) w) v ON true`,
  `SELECT x.written_by, 'silence', x.id::text, x.id::text, ${FACTS}('name', x.reason, 'mutes', x.mutes),
     ${facesOf(`(${COVERED}) UNION ALL SELECT scope FROM jsonb_array_elements(x.scopes) scope`)}
   FROM ${unseen('silences').replace(/n$/, 'x')}`,
  `SELECT n.written_by, 'killSwitch', 'kill-switch', 'kill-switch', ${FACTS}('on', n.is_on, 'reason', n.reason), NULL
   FROM ${unseen('kill_switch')}`,
  `(SELECT n.written_by, 'rights', n.id::text, n.id::text, '{}'::jsonb, NULL FROM ${unseen('rights_changes')} LIMIT 1)`,
];

/** Reads what was written since a position, and the position of now. */
const NEWS = new Statement<Answer>(
  'events_news',
  `SELECT ${POSITION}, (SELECT jsonb_agg(to_jsonb(c) || ${FACTS}('transaction', c.transaction::text))
   FROM (${KINDS.join('\n UNION ALL ')}) c) AS rows`,
  'by keys',
);
