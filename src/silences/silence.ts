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

/** SQL condition: the service `s` is covered by the silence `x`. It says the same as `SilenceIndex`. */
export const COVERS = `(NOT x.match ? 'services' OR s.id = ANY(ARRAY(SELECT jsonb_array_elements_text(x.match->'services')::uuid)))
  AND (NOT x.match ? 'labels' OR s.labels @> (x.match->'labels'))
  AND (NOT x.match ? 'infrastructures'
    OR s.infrastructure_id = ANY(ARRAY(SELECT jsonb_array_elements_text(x.match->'infrastructures')::uuid)))
  AND (x.scopes IS NULL OR EXISTS (SELECT FROM jsonb_array_elements(x.scopes) scope WHERE s.labels @> scope))`;

/** Returns the end of a silence: its own, or the moment at which somebody ended it. */
export const endOf = ({ endsAt, endedAt }: Pick<Silence, 'endsAt' | 'endedAt'>): number =>
  Math.min(endsAt.getTime(), endedAt?.getTime() ?? Infinity);
