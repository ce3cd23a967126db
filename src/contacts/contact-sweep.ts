import { Injectable, Logger } from '@nestjs/common';
import { messageOf } from '../common/errors';
import { Recurring } from '../common/periodic';
import { telemetry } from '../common/telemetry';
import { Database } from '../database/database';
import { Statement } from '../database/statement';
import type { EventName } from './events';
import { Messages, type Recipient } from './messages';
import { Notices } from './notices';

const EVERY_MS = 2_000;
/** Rounds take no more than this part of the time, however much there is to look at. */
const SHARE_AT_MOST = 0.05;
const LONGEST_PAUSE_MS = 60_000;

/** Reads all contacts. */
const ALL_CONTACTS = new Statement<Recipient & Record<string, unknown>>(
  'contacts_all',
  `SELECT id, name, action_id AS "actionId", events, labels, schedule, max_per_hour AS "maxPerHour",
   group_seconds AS "groupSeconds" FROM contacts ORDER BY id`,
);

/** Finds the contacts that something is due of. */
const CONTACTS_DUE = new Statement<{ id: string }>(
  'contacts_due',
  `SELECT c.id FROM contacts c, LATERAL (SELECT FROM notices n WHERE n.contact_id = c.id AND n.is_due LIMIT 1) n`,
);

/** Reads how long the oldest notice has waited to be told. */
const OLDEST_NOTICE = new Statement<{ seconds: number | null }>(
  'notices_oldest',
  `SELECT extract(epoch FROM now() - min(noticed_at))::float8 AS seconds FROM notices
   WHERE is_due AND status = 'waiting' AND waits_for IS NULL`,
);

/** Sweep that finds what contacts are to be told of, and tells them. */
@Injectable()
export class ContactSweep extends Recurring {
  private readonly logger = new Logger('Contacts');
  /** Times that the last two rounds took, milliseconds. */
  private tookMs: readonly [number, number];

  constructor(
    private readonly database: Database,
    private readonly notices: Notices,
    private readonly messages: Messages,
  ) {
    // One round that was slow is no reason to come late: two are.
    super(() => Math.min(LONGEST_PAUSE_MS, Math.max(EVERY_MS, Math.min(...this.tookMs) / SHARE_AT_MOST)));
    this.tookMs = [0, 0];
  }

  override async round(): Promise<void> {
    const began = performance.now();
    try {
      await this.look();
    } finally {
      this.tookMs = [performance.now() - began, this.tookMs[0]];
    }
  }

  private async look(): Promise<void> {
    const contacts = await ALL_CONTACTS.rows(this.database);
    if (contacts.length > 0) {
      await this.notices.gather([...new Set(contacts.flatMap(({ events }) => events))] as EventName[]);
      const due = await this.withDue();
      for (const contact of contacts) if (due.has(contact.id)) await this.tell(contact);
    }
    telemetry.noticesOldest.set(await this.oldestSeconds());
  }

  /** Tells one contact; what goes wrong with it keeps nobody else from being told. */
  private async tell(contact: Recipient): Promise<void> {
    try {
      await this.messages.tell(contact);
    } catch (error) {
      this.logger.error(`contact ${contact.name} is told in the next round: ${messageOf(error)}`);
    }
  }

  /** Returns the ids of the contacts that something is due of. */
  private async withDue(): Promise<Set<string>> {
    const rows = await CONTACTS_DUE.rows(this.database);
    return new Set(rows.map(({ id }) => id));
  }

  private async oldestSeconds(): Promise<number> {
    const [row] = await OLDEST_NOTICE.rows(this.database);
    return Math.max(0, row?.seconds ?? 0);
  }
}
