import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import { leastIdAt } from '../common/ids';
import { Database } from '../database/database';
import { inScopes, scopesParameter, seenScopes } from '../database/scopes';
import { DAY_MS } from './local-time';
import { coveredServices } from './silence';
import { scheduleShown, Silences, windowsOfSilence, type Draft } from './silences';

const SERVICES_SHOWN = 100;
const MUTED_SHOWN = 100;
const MUTED_COUNTED = 10_000;
const DAYS_BACK = 7;

/** Silence as it would be, before it is made. */
export interface ShownPreview {
  services: { name: string; phase: string }[];
  /** Number of services, of which `services` may be some. */
  total: number;
  /** Executions of the last days that it would have muted, newest first, as far as there is room. */
  wouldHaveMuted: { at: string; service: string; action: string }[];
  /** Number of these, of which `wouldHaveMuted` may be some; counted up to 10,000. */
  mutedTotal: number;
  nextWindows: object[];
  warnings: string[];
}

/** SQL: the silence that is previewed, as a row `x`, of its match and its scopes. */
const DRAFT = `(SELECT $1::jsonb AS match, $2::jsonb AS scopes) x`;

/** SQL: the phase of the service `s`, as it was evaluated last. */
const PHASE = `(SELECT st.state->>'phase' FROM service_states st WHERE st.service_id = s.id)`;

/** SQL conditions: a silence mutes what follows from the trigger `t`. */
const MUTED: Record<Draft['mutes'], string> = {
  actions: `t.kind <> 'recovery'`,
  scale_down: `t.direction = 'down' AND t.kind = 'breach'`,
  notifications: `t.kind = 'escalation'`,
};

/** Tells what a silence would cover, and what it would have muted. */
@Injectable()
export class SilencePreview {
  constructor(
    private readonly database: Database,
    private readonly silences: Silences,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** @throws InvalidInput with pointers into the silence */
  async of(body: unknown): Promise<ShownPreview> {
    const now = this.clock.now();
    const draft = await this.silences.draft(body, now);
    const [covered, muted] = await Promise.all([this.covered(draft), this.muted(draft, now)]);
    const { nextWindows, warnings = [] } = scheduleShown(draft, now.getTime());
    return {
      services: covered.services,
      total: covered.total,
      wouldHaveMuted: muted.shown,
      mutedTotal: muted.total,
      nextWindows,
      warnings: [...covered.warnings, ...warnings],
    };
  }

  private async covered(draft: Draft) {
    const parameters = this.parameters(draft);
    const mine = inScopes('s.labels', '$3');
    const [row] = await this.database.rows<{
      total: number;
      all: number;
      alarms: number;
      names: string[] | null;
    }>(
      `SELECT count(*)::int AS total, (SELECT count(*)::int FROM services s WHERE ${mine}) AS "all",
         count(*) FILTER (WHERE c.phase = 'alarm')::int AS alarms,
         (array_agg(c.name ORDER BY c.name) FILTER (WHERE c.phase = 'alarm'))[1:5] AS names
       FROM ${DRAFT} CROSS JOIN LATERAL (${coveredServices(`s.name, ${PHASE} AS phase`, mine)}) c`,
      parameters,
    );
    const services = await this.database.rows<{ name: string; phase: string }>(
      `SELECT c.name, coalesce(c.phase, 'unknown') AS phase
       FROM ${DRAFT} CROSS JOIN LATERAL (${coveredServices(`s.name, ${PHASE} AS phase`, mine)}) c
       ORDER BY c.name LIMIT ${SERVICES_SHOWN}`,
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
  private async muted(draft: Draft, now: Date) {
    const from = new Date(now.getTime() - DAYS_BACK * DAY_MS);
    const windows = windowsOfSilence(draft).always(from.getTime(), now.getTime() + 1);
    const rows = await this.database.rows<{ at: Date; service: string; action: string; total: number }>(
      `SELECT m.*, count(*) OVER ()::int AS total FROM (
         SELECT t.at, s.name AS service, e.action_name AS action
         FROM ${DRAFT} CROSS JOIN LATERAL (${coveredServices('s.id, s.name', inScopes('s.labels', '$3'))}) s
           JOIN executions e ON e.service_id = s.id AND e.id >= $4 JOIN triggers t ON t.id = e.trigger_id
         WHERE t.at <@ $5::tstzmultirange AND e.status <> 'shadowed' AND ${MUTED[draft.mutes]}
         ORDER BY t.at DESC, e.id DESC LIMIT ${MUTED_COUNTED}) m
       LIMIT ${MUTED_SHOWN}`,
      [
        ...this.parameters(draft),
        // An execution is made when its trigger is, or later.
        leastIdAt(new Date(from.getTime() - DAY_MS)),
        `{${windows.map((window) => `[${timeOf(window.from)},${timeOf(window.until)})`).join()}}`,
      ],
    );
    return {
      total: rows[0]?.total ?? 0,
      shown: rows.map(({ at, service, action }) => ({ at: at.toISOString(), service, action })),
    };
  }

  private parameters({ match, scopes }: Draft): unknown[] {
    const limits = scopes === null ? null : JSON.stringify(scopes);
    return [JSON.stringify(match), limits, scopesParameter(seenScopes())];
  }
}

const timeOf = (moment: number): string => new Date(moment).toISOString();

const namesIn = (names: readonly string[], count: number): string =>
  count > names.length ? `${names.join(', ')} and ${count - names.length} more` : names.join(', ');
