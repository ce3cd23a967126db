import { Inject, Injectable, Logger } from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import { Recurring } from '../common/periodic';
import { CONFIG, type Config } from '../config/config';
import { Database } from '../database/database';
import { FIVE_MINUTES, HOUR, partitionsOf, RAW, type Table } from './tables';

const EVERY_MS = 600_000;
const DAY_MS = 86_400_000;
const AT_ONCE = 5_000;

/** Statements that delete what has ended and is older than the retention, a limited number at a time. */
const OLD = [
  `WITH gone AS (
     DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE last_seen_at < $1 AND processed = revision
       AND (NOT is_current OR status = 'resolved' OR life_seconds IS NOT NULL OR ends_at < $1) LIMIT $2) RETURNING id),
   matches AS (DELETE FROM alert_matches m USING gone WHERE m.alert_id = gone.id)
   DELETE FROM trigger_alerts t USING gone WHERE t.alert_id = gone.id`,
  `DELETE FROM decisions WHERE id IN (SELECT id FROM decisions WHERE ended_at < $1 LIMIT $2)`,
  `DELETE FROM executions WHERE id IN (SELECT id FROM executions WHERE finished_at < $1 LIMIT $2)`,
  // What ended badly stays so, and its notice with it.
  `DELETE FROM notices WHERE id IN (SELECT id FROM notices WHERE noticed_at < $1
     AND (ended_at < $1 OR event IN ('failed', 'unknown')) LIMIT $2)`,
  `DELETE FROM triggers WHERE id IN (SELECT t.id FROM triggers t WHERE t.at < $1
     AND NOT EXISTS (SELECT FROM executions e WHERE e.trigger_id = t.id) LIMIT $2)`,
];

/** Time after which a dead worker's row is deleted; none of its leases can last longer. */
const WORKERS_KEPT = '7 days';

/** Days beyond their retention for which samples wait to be rolled up. */
const DAYS_FOR_ROLL_UPS = 2;

/** Makes partitions for the samples of the coming days, and drops what is past its retention. */
@Injectable()
export class Retention extends Recurring {
  private readonly logger = new Logger('Retention');

  constructor(
    private readonly database: Database,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    super(EVERY_MS);
  }

  override async round(): Promise<void> {
    await partitionsOf(this.database, RAW).prepare(this.clock.now());
    const now = await this.agreedNow();
    const { samplesRetentionDays, rollUps, historyRetentionDays } = this.config;
    await this.drop(RAW, await this.rolledUp(daysBefore(now, samplesRetentionDays)));
    // What is made of others stands in for them, and must not go before them.
    const fiveMinutesDays = Math.max(samplesRetentionDays, rollUps.fiveMinutesRetentionDays);
    await this.drop(FIVE_MINUTES, daysBefore(now, fiveMinutesDays));
    await this.drop(HOUR, daysBefore(now, Math.max(fiveMinutesDays, rollUps.hoursRetentionDays)));
    await this.database.rows(`DELETE FROM workers WHERE seen_at < now() - interval '${WORKERS_KEPT}'`);
    const before = daysBefore(now, historyRetentionDays);
    for (const statement of OLD) await this.database.rows(statement, [before, AT_ONCE]);
  }

  /**
   * Returns the earlier of the program's time and PostgreSQL's, so that a clock that is ahead drops nothing too early.
   */
  private async agreedNow(): Promise<Date> {
    const [row] = await this.database.rows<{ now: Date }>('SELECT least($1::timestamptz, now()) AS now', [
      this.clock.now(),
    ]);
    return row!.now;
  }

  private async drop(table: Table, before: Date): Promise<void> {
    const { dropped, busy } = await partitionsOf(this.database, table).drop(before);
    if (dropped.length > 0) this.logger.log(`dropped ${dropped.join(', ')}`);
    if (busy.length > 0) this.logger.warn(`in use, to be dropped later: ${busy.join(', ')}`);
  }

  /**
   * Returns the moment before which samples may be dropped: those that are not rolled up yet stay, for up to two days
   * more.
   */
  private async rolledUp(before: Date): Promise<Date> {
    if (!this.config.rollUps.enabled) return before;
    const [row] = await this.database.rows<{ before: Date }>(
      'SELECT greatest(least($1, done_until), $2) AS before FROM roll_ups WHERE step_seconds = $3',
      [before, daysBefore(before, DAYS_FOR_ROLL_UPS), FIVE_MINUTES.stepSeconds],
    );
    return row!.before;
  }
}

const daysBefore = (at: Date, days: number): Date => new Date(at.getTime() - days * DAY_MS);
