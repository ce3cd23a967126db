import type { Mutes } from '../engine/types';
import type { Schedule } from './schedule';

/** Which services a silence covers: those that fit all that is given. */
export interface SilenceMatch {
  /** Ids of services, one of which it is. */
  services?: string[];
  /** Labels that it has, all of them with these values. */
  labels?: Record<string, string>;
  /** Ids of infrastructures, one of which it scales. */
  infrastructures?: string[];
}

/** Silence as it is stored. */
export interface Silence {
  id: string;
  version: number;
  createdAt: Date;
  updatedAt: Date;
  owner: string;
  match: SilenceMatch;
  /** Scopes of whoever made it, one of which a service must have; null for everything. */
  scopes: Record<string, string>[] | null;
  mutes: Mutes;
  startsAt: Date;
  endsAt: Date;
  schedule: Schedule | null;
  reason: string;
  endWhenOkSeconds: number | null;
  onEnd: 'act' | 'wait';
  /** Moment at which somebody ended it before its time. */
  endedAt: Date | null;
  endedBy: string | null;
  /** Moment at which a window that had begun ended, since its services had been ok for long enough. */
  cutAt: Date | null;
}

/** Columns of the table `silences`, named as in the program. */
export const COLUMNS = `id, version, created_at AS "createdAt", updated_at AS "updatedAt", owner, match, scopes, mutes,
  starts_at AS "startsAt", ends_at AS "endsAt", schedule, reason, end_when_ok_seconds AS "endWhenOkSeconds", on_end AS "onEnd",
  ended_at AS "endedAt", ended_by AS "endedBy", cut_at AS "cutAt"`;

const NAMED = (kind: 'services' | 'infrastructures'): string =>
  `ANY(ARRAY(SELECT jsonb_array_elements_text(x.match->'${kind}')::uuid))`;
const BY_ID = `s.id = ${NAMED('services')}`;
const BY_LABELS = `s.labels @> (x.match->'labels')`;
const BY_INFRASTRUCTURE = `s.infrastructure_id = ${NAMED('infrastructures')}`;

/** SQL condition: the service `s` is covered by the silence `x`. It says the same as `SilenceIndex`. */
export const COVERS = `(NOT x.match ? 'services' OR ${BY_ID}) AND (NOT x.match ? 'labels' OR ${BY_LABELS})
  AND (NOT x.match ? 'infrastructures' OR ${BY_INFRASTRUCTURE})
  AND (x.scopes IS NULL OR EXISTS (SELECT FROM jsonb_array_elements(x.scopes) scope WHERE s.labels @> scope))`;

/**
 * Returns SQL rows: the services `s` that the silence `x` covers. Written once for each way in which it may name them,
 * so that each has its index: with many services, none is asked of each silence.
 *
 * @param columns of `s`
 * @param condition on `s`, besides
 */
export function coveredServices(columns: string, condition = 'true'): string {
  const found = (isSo: string, by: string): string =>
    `SELECT ${columns} FROM services s WHERE ${isSo} AND ${by} AND ${COVERS} AND ${condition}`;
  return [
    found(`x.match ? 'services'`, BY_ID),
    found(`NOT x.match ? 'services' AND x.match ? 'labels'`, BY_LABELS),
    found(`NOT x.match ?| ARRAY['services', 'labels']`, BY_INFRASTRUCTURE),
  ].join(' UNION ALL ');
}

/** Returns the end of a silence: its own, or the moment at which somebody ended it. */
export const endOf = ({ endsAt, endedAt }: Pick<Silence, 'endsAt' | 'endedAt'>): number =>
  Math.min(endsAt.getTime(), endedAt?.getTime() ?? Infinity);
