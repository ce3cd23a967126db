import { Inject, Injectable } from '@nestjs/common';
import { insertNotice } from '../actions/notice-executions';
import { CLOCK, type Clock } from '../common/clock';
import { newId } from '../common/ids';
import { telemetry } from '../common/telemetry';
import { Database } from '../database/database';
import type { Sql } from '../database/sql-pool';
import { Queues } from '../queue/queues';
import type { Schedule } from '../silences/schedule';
import type { EventName } from './events';
import { messageOf, type Told } from './message';
import { Mutes } from './mutes';
import { isOnDuty } from './on-duty';
import { planFor, sentAfter, type DueNotice, type Hold, type HoldWord, type Plan } from './plan';

/** Notices of a contact that are looked at together: one message tells of no more. */
const AT_ONCE = 5_000;

/** Contact, as far as it decides what is told. */
export interface Recipient {
  id: string;
  name: string;
  actionId: string;
  events: EventName[];
  labels: Record<string, string>;
  schedule: Schedule | null;
  maxPerHour: number;
  groupSeconds: number;
}

interface Row extends Told {
  status: 'waiting' | 'told';
  waitsFor: HoldWord | null;
  serviceId: string | null;
  /** False where its service has the contact's labels no more. */
  isInScope: boolean;
}

type Due = Row & DueNotice;

interface Pacing {
  sentAt: Date[];
  leftOut: number;
}

/** Makes the messages of contacts: executions of their actions, in one transaction with what they tell. */
@Injectable()
export class Messages {
  constructor(
    private readonly database: Database,
    private readonly mutes: Mutes,
    private readonly queues: Queues,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Tells a contact what is due, unless another process is at it, and writes down what waits for what. */
  async tell(contact: Recipient): Promise<void> {
    await this.mutes.refresh();
    const execution = await this.database.transaction(async (sql) => {
      const pacing = await lockedPacing(sql, contact.id);
      return pacing && this.tellIn(sql, contact, pacing);
    });
    // A job that is lost here is put back by the sweep of executions.
    if (execution !== undefined)
      await this.queues.addExecutions([{ id: execution, tries: 0 }], this.clock.now());
  }

  private async tellIn(sql: Sql, contact: Recipient, pacing: Pacing): Promise<string | undefined> {
    const now = this.clock.now();
    const due = await this.due(sql, contact, now);
    const pace = {
      groupMs: contact.groupSeconds * 1000,
      maxPerHour: contact.maxPerHour,
      sentAt: sentAfter(
        pacing.sentAt.map((at) => at.getTime()),
        now.getTime(),
        false,
      ),
    };
    const plan = planFor(due, pace, now.getTime());
    const leftOut = pacing.leftOut + plan.leaves.filter(({ counts }) => counts).length;
    await leave(sql, plan);
    const isSaying = plan.tells.length + plan.over.length > 0;
    const execution = isSaying ? await this.send(sql, contact, plan, leftOut, now) : undefined;
    const waits =
      isSaying && execution === undefined
        ? [...plan.tells, ...plan.over].map((notice) => ({ notice, hold: CAN_NOT_TELL }))
        : [];
    await wait(sql, [...plan.waits, ...waits]);
    const sentAt = sentAfter(pace.sentAt, now.getTime(), execution !== undefined);
    await sql.rows('UPDATE contact_states SET sent_at = $2, left_out = $3 WHERE contact_id = $1', [
      contact.id,
      sentAt.map((at) => new Date(at)),
      execution === undefined ? leftOut : 0,
    ]);
    return execution;
  }

  /**
   * Returns the notices of a contact of which something is due, the oldest first, with what keeps each. What was muted
   * comes last: however much it is, it is not in the way of the others.
   */
  private async due(sql: Sql, contact: Recipient, now: Date): Promise<Due[]> {
    const rows = await sql.rows<Row & Record<string, unknown>>(
      `SELECT n.id, n.event, n.text, n.since, n.facts, n.ended_at AS "endedAt", n.ended_how AS "endedHow", n.status,
         n.waits_for AS "waitsFor", n.service_id AS "serviceId", s.id IS NULL OR s.labels @> $2 AS "isInScope"
       FROM notices n LEFT JOIN services s ON s.id = n.service_id
       WHERE n.contact_id = $1 AND n.is_due
       ORDER BY coalesce(n.waits_for IN ('silence', 'acknowledged'), false), n.id LIMIT ${AT_ONCE}`,
      [contact.id, JSON.stringify(contact.labels)],
    );
    const muted = await this.mutes.of(
      sql,
      [...new Set(rows.flatMap(({ serviceId }) => serviceId ?? []))],
      now.getTime(),
    );
    const stopped = await stopOf(sql, contact, now);
    return rows.map((row) => ({
      ...row,
      isTold: row.status === 'told',
      isOver: row.endedAt !== null,
      isUnasked: !contact.events.includes(row.event) || !row.isInScope,
      hold: stopped ?? muted.get(row.serviceId ?? ''),
    }));
  }

  /** @returns the id of the execution; undefined when the action does more than tell */
  private async send(
    sql: Sql,
    { id: contactId, name, actionId }: Recipient,
    { tells, over }: Plan<Due>,
    leftOut: number,
    now: Date,
  ): Promise<string | undefined> {
    const id = newId();
    const open = (await openOf(sql, contactId)) + tells.filter(({ isOver }) => !isOver).length;
    const message = messageOf(tells, over, leftOut, open);
    const justification = message.text;
    const isMade = await insertNotice(sql, {
      id,
      actionId,
      justification,
      variables: {
        contact: { id: contactId, name },
        message,
        // What templates that were written for triggers name.
        service: { name: serviceOf([...tells, ...over]), description: '', labels: {} },
        trigger: { at: now.toISOString(), justification },
      },
    });
    if (!isMade) return undefined;
    await sql.rows(
      `UPDATE notices SET status = 'told', is_due = ended_at IS NOT NULL AND ended_how IS NOT NULL, waits_for = NULL, why = NULL,
         execution_id = $2, told_at = $3 WHERE id = ANY($1::uuid[])`,
      [idsOf(tells), id, now],
    );
    await sql.rows(
      `UPDATE notices SET is_due = false, waits_for = NULL, why = NULL, end_execution_id = $2, end_told_at = $3
       WHERE id = ANY($1::uuid[])`,
      [idsOf(over), id, now],
    );
    telemetry.noticesTold.inc({ what: 'begin' }, tells.length);
    telemetry.noticesTold.inc({ what: 'end' }, over.length);
    telemetry.noticeMessages.inc();
    return id;
  }
}

const idsOf = (notices: readonly DueNotice[]): string[] => notices.map(({ id }) => id);

const CAN_NOT_TELL: Hold = {
  by: 'action',
  why: 'the action of the contact does more than tell: it is not asked',
};

/** Returns the service that all of it is about, by name; else the program speaks of itself. */
function serviceOf(notices: readonly Told[]): string {
  const names = new Set(notices.map(({ facts }) => facts.service));
  const [name] = names;
  return names.size === 1 && typeof name === 'string' ? name : 'monscale';
}

/** Locks the pace of a contact; undefined when another process is at it, or the contact is gone. */
async function lockedPacing(sql: Sql, contact: string): Promise<Pacing | undefined> {
  await sql.rows(
    `INSERT INTO contact_states (contact_id) SELECT id FROM contacts WHERE id = $1 ON CONFLICT DO NOTHING`,
    [contact],
  );
  const [row] = await sql.rows<Pacing & Record<string, unknown>>(
    `SELECT sent_at AS "sentAt", left_out AS "leftOut" FROM contact_states WHERE contact_id = $1 FOR UPDATE SKIP LOCKED`,
    [contact],
  );
  return row;
}

/** Returns what keeps a contact from being told anything. */
async function stopOf(sql: Sql, { schedule }: Recipient, now: Date): Promise<Hold | undefined> {
  const [row] = await sql.rows<{ isOn: boolean }>('SELECT is_on AS "isOn" FROM kill_switch');
  if (row!.isOn) return { by: 'kill_switch', why: 'the kill switch is on: nothing is executed' };
  if (isOnDuty(schedule, now.getTime())) return undefined;
  return { by: 'schedule', why: 'no window of its schedule is open' };
}

/** Counts the things that a contact was told of and that are not over. */
async function openOf(sql: Sql, contact: string): Promise<number> {
  const [row] = await sql.rows<{ count: number }>(
    `SELECT count(*)::int AS count FROM notices WHERE contact_id = $1 AND status = 'told' AND ended_at IS NULL`,
    [contact],
  );
  return row!.count;
}

async function leave(sql: Sql, { leaves }: Plan<Due>): Promise<void> {
  if (leaves.length === 0) return;
  await sql.rows(
    `UPDATE notices n SET status = CASE WHEN n.status = 'waiting' THEN 'left_out' ELSE n.status END, is_due = false, why = u.why
     FROM unnest($1::uuid[], $2::text[]) AS u (id, why) WHERE n.id = u.id`,
    [leaves.map(({ notice }) => notice.id), leaves.map(({ why }) => why)],
  );
  for (const { notice } of leaves)
    telemetry.noticesLeftOut.inc({ reason: notice.isUnasked ? 'unasked' : (notice.waitsFor ?? 'over') });
}

/** Writes down what notices wait for, where that is another thing than before. */
async function wait(sql: Sql, waits: Plan<Due>['waits']): Promise<void> {
  const changed = waits.filter(({ notice, hold }) => notice.waitsFor !== hold.by);
  if (changed.length === 0) return;
  await sql.rows(
    `UPDATE notices n SET waits_for = u.waits_for, why = u.why
     FROM unnest($1::uuid[], $2::text[], $3::text[]) AS u (id, waits_for, why) WHERE n.id = u.id`,
    [
      changed.map(({ notice }) => notice.id),
      changed.map(({ hold }) => hold.by),
      changed.map(({ hold }) => hold.why),
    ],
  );
}
