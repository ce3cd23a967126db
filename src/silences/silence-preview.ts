import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import { Database } from '../database/database';
import { inScopes, scopesParameter, seenScopes } from '../database/scopes';
import { COVERS } from './silence';
import { scheduleShown, Silences, windowsOfSilence, type Draft } from './silences';

const SERVICES_SHOWN = 100;
const MUTED_SHOWN = 100;
const DAYS_BACK = 7;

/** Silence as it would be, before it is made. */
export interface ShownPreview {
  services: { name: string; phase: string }[];
  /** Number of services, of which `services` may be some. */
  total: number;
  /** Executions of the last days that it would have muted, newest first, as far as there is room. */
  wouldHaveMuted: { at: string; service: string; action: string }[];
  nextWindows: object[];
  warnings: string[];
}

/** SQL: the silence that is previewed, as a row `x`, of its match and its scopes. */
const DRAFT = `(SELECT $1::jsonb AS match, $2::jsonb AS scopes) x`;

/** Tells what a silence would cover, and what it would have muted. */
@Injectable()
export class SilencePreview {
  constructor(
    private readonly database: Database,
    private readonly silences: Silences,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async of(body: unknown): Promise<ShownPreview> {
    const now = this.clock.now();
    const draft = await this.silences.draft(body, now);
    const [covered, muted] = await Promise.all([this.covered(draft), this.muted(draft, now)]);
    const { nextWindows, warnings = [] } = scheduleShown(draft, now.getTime());
    return {
      services: covered.services,
      total: covered.total,
      wouldHaveMuted: muted,
      nextWindows,
      warnings: [...covered.warnings, ...warnings],
    };
  }

  private async covered(draft: Draft) {
    const parameters = this.parameters(draft);
    const [row] = await this.database.rows<{
      total: number;
      all: number;
      alarms: number;
      names: string[] | null;
    }>(
      `SELECT count(*) FILTER (WHERE c.covered)::int AS total, count(*)::int AS "all",
         count(*) FILTER (WHERE c.covered AND c.phase = 'alarm')::int AS alarms,
         (array_agg(c.name ORDER BY c.name) FILTER (WHERE c.covered AND c.phase = 'alarm'))[1:5] AS names
       FROM (SELECT s.name, (${COVERS}) AS covered,
           (SELECT st.state->>'phase' FROM service_states st WHERE st.service_id = s.id) AS phase
         FROM services s CROSS JOIN ${DRAFT} WHERE ${inScopes('s.labels', '$3')}) c`,
      parameters,
    );
    const services = await this.database.rows<{ name: string; phase: string }>(
      `SELECT s.name, coalesce(st.state->>'phase', 'unknown') AS phase
       FROM services s CROSS JOIN ${DRAFT} LEFT JOIN service_states st ON st.service_id = s.id
       WHERE ${COVERS} AND ${inScopes('s.labels', '$3')} ORDER BY s.name LIMIT ${SERVICES_SHOWN}`,
      parameters,
    );
    const { total, all, alarms, names } = row!;
    const warnings = [
      ...(total === 0 ? ['it matches no service'] : []),
      ...(total === all && all > 1 ? [`it matches everything: all ${all} services`] : []),
      ...(alarms > 0 ? [`it mutes what is in alarm now: ${namesIn(names ?? [], alarms)}`] : []),
    ];
    return { services, total, warnings };
  }

  /**
   * Returns the executions of the last days that the silence would have muted, had it been there all the time; of one
   * with a schedule, at the times of its windows. What a person or a recovery began is not muted.
   */
  private async muted(draft: Draft, now: Date): Promise<ShownPreview['wouldHaveMuted']> {
    const from = new Date(now.getTime() - DAYS_BACK * 86_400_000);
    const kinds = { actions: `t.kind <> 'recovery'`, scale_down: `t.direction = 'down' AND t.kind = 'breach'`, notifications: `t.kind = 'escalation'` }; // prettier-ignore
    const rows = await this.database.rows<{ at: Date; service: string; action: string }>(
      `SELECT t.at, s.name AS service, e.action_name AS action
       FROM triggers t JOIN services s ON s.id = t.service_id CROSS JOIN ${DRAFT} JOIN executions e ON e.trigger_id = t.id
       WHERE t.at >= $4 AND t.at <= $5 AND e.status <> 'shadowed' AND ${kinds[draft.mutes]} AND ${COVERS} AND ${inScopes('s.labels', '$3')}
       ORDER BY t.at DESC, e.id DESC LIMIT 10000`,
      [...this.parameters(draft), from, now],
    );
    // As its windows would have lain a while ago: the rule from a whole number of weeks earlier.
    const isMuted = draft.schedule === null ? () => true : earlierWindows(draft, from.getTime());
    return rows
      .filter(({ at }) => isMuted(at.getTime()))
      .slice(0, MUTED_SHOWN)
      .map(({ at, service, action }) => ({ at: at.toISOString(), service, action }));
  }

  private parameters({ match, scopes }: Draft): unknown[] {
    const limits = scopes === null ? null : JSON.stringify(scopes);
    return [JSON.stringify(match), limits, scopesParameter(seenScopes())];
  }
}

/** Returns whether windows of a schedule would have covered a moment, had it begun by then. */
function earlierWindows(draft: Draft, from: number): (at: number) => boolean {
  const days = Math.max(0, Math.ceil((draft.startsAt.getTime() - from) / (7 * 86_400_000)) * 7 + 7);
  const windows = windowsOfSilence({
    ...draft,
    startsAt: new Date(draft.startsAt.getTime() - days * 86_400_000),
  });
  return (at) => {
    const window = windows.last(at);
    return window !== undefined && at < window.until;
  };
}

const namesIn = (names: readonly string[], count: number): string =>
  count > names.length ? `${names.join(', ')} and ${count - names.length} more` : names.join(', ');
