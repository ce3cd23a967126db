import { Injectable, Logger } from '@nestjs/common';
import { SharedRun } from '../common/shared-run';
import { Database } from '../database/database';
import type { SilenceWindow } from '../engine/types';
import { COLUMNS, type Silence } from './silence';
import { SilenceIndex, type Silenceable } from './silence-index';

/** SQL: revision of the silences, to be read in the statement that reads what they concern. */
export const SILENCE_REVISION = '(SELECT revision FROM silence_revision)::text';

/**
 * Time for which a silence that is over may still matter: to breaches that began before its end and were not evaluated
 * since. It is at least the longest interval of a service.
 */
const OVER_AT_MOST = '25 hours';
/** Largest number of silences in memory: all that may be current, and of those that are over the newest. */
const KEPT_AT_MOST = 20_000;

/**
 * Silences as this process knows them. Whoever evaluates reads their revision along with states; when it is another
 * than the one that is known, all silences are read again: there are few, and they change rarely.
 */
@Injectable()
export class SilenceBook {
  private readonly logger = new Logger('Silences');
  private revision?: string;
  private index = new SilenceIndex([]);
  private readonly refresh = new SharedRun(() => this.read());

  constructor(private readonly database: Database) {}

  /** Reads the silences, unless those of this revision are known. */
  async upTo(revision: string): Promise<void> {
    if (revision !== this.revision) await this.refresh.run();
  }

  /** Reads the silences where they have changed. */
  async current(): Promise<void> {
    const [row] = await this.database.rows<{ revision: string }>(`SELECT ${SILENCE_REVISION} AS revision`);
    await this.upTo(row!.revision);
  }

  /**
   * Returns the silences of a service that have begun at a moment. Those that are over are told where they ended after
   * its breach was seen first, as nothing else asks for them. Undefined where there is none.
   */
  of(service: Silenceable, now: number, breachFrom?: number): SilenceWindow[] | undefined {
    return this.index.of(service, now, Math.min(now, breachFrom ?? now));
  }

  private async read(): Promise<void> {
    const [row] = await this.database.rows<{ revision: string; silences: Silence[] | null }>(
      `SELECT ${SILENCE_REVISION} AS revision, (SELECT jsonb_agg(x) FROM (
         SELECT ${COLUMNS} FROM silences
         WHERE ends_at > now() - interval '${OVER_AT_MOST}' AND (ended_at IS NULL OR ended_at > now() - interval '${OVER_AT_MOST}')
         ORDER BY ended_at DESC NULLS FIRST, ends_at DESC LIMIT ${KEPT_AT_MOST}) x) AS silences`,
    );
    const { revision, silences } = row!;
    this.index = new SilenceIndex((silences ?? []).map(timed), this.index);
    this.revision = revision;
    if (this.index.broken.length > 0)
      this.logger.error(
        `silences that can't be read mute nothing: ${this.index.broken.slice(0, 5).join(', ')}`,
      );
  }
}

const TIMES = ['createdAt', 'updatedAt', 'startsAt', 'endsAt', 'endedAt', 'cutAt'] as const;

/** Returns a silence that came as JSON. */
function timed(silence: Silence): Silence {
  const times = TIMES.map((name) => {
    const at = silence[name] as unknown as string | null;
    return [name, at === null ? null : new Date(at)];
  });
  return { ...silence, ...Object.fromEntries(times) } as Silence;
}
