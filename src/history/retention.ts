import { Inject, Injectable, Logger } from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import { Recurring } from '../common/periodic';
import { CONFIG, type Config } from '../config/config';
import { Database } from '../database/database';
import { Samples } from './samples';

const EVERY_MS = 600_000;
const DAY_MS = 86_400_000;
const AT_ONCE = 5_000;

/** What has ended and is older than the retention, a bounded number at a time. */
const OLD = [
  `DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE last_seen_at < $1 AND processed = revision
     AND (NOT is_current OR status = 'resolved' OR life_seconds IS NOT NULL OR ends_at < $1) LIMIT $2)`,
  `DELETE FROM decisions WHERE id IN (SELECT id FROM decisions WHERE ended_at < $1 LIMIT $2)`,
  `DELETE FROM executions WHERE id IN (SELECT id FROM executions WHERE finished_at < $1 LIMIT $2)`,
  `DELETE FROM triggers WHERE id IN (SELECT t.id FROM triggers t WHERE t.at < $1
     AND NOT EXISTS (SELECT FROM executions e WHERE e.trigger_id = t.id) LIMIT $2)`,
];

/** Makes room for the samples of the days to come, and drops what is older than it is to be kept. */
@Injectable()
export class Retention extends Recurring {
  private readonly logger = new Logger('Retention');

  constructor(
    private readonly database: Database,
    private readonly samples: Samples,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    super(EVERY_MS);
  }

  override async round(): Promise<void> {
    const now = this.clock.now();
    await this.samples.prepare(now);
    const dropped = await this.samples.drop(now, this.config.samplesRetentionDays);
    if (dropped.length > 0) this.logger.log(`dropped samples: ${dropped.join(', ')}`);
    const before = new Date(now.getTime() - this.config.historyRetentionDays * DAY_MS);
    for (const statement of OLD) await this.database.rows(statement, [before, AT_ONCE]);
  }
}
