import { Inject, Injectable } from '@nestjs/common';
import type { Definitions, Resource } from '../api/definition.controller';
import { conditionsOf, IsTrue, OneOf, Same } from '../api/filters';
import { pageIn, PageQuery } from '../api/page-query';
import { currentCaller, isWithin, scopesOf, type Role } from '../common/caller';
import { CLOCK, type Clock } from '../common/clock';
import { check } from '../common/check';
import { differences } from '../common/differences';
import {
  Conflict,
  Forbidden,
  InvalidInput,
  NotFound,
  VersionMismatch,
  type FieldError,
} from '../common/errors';
import { Choice } from '../common/fields';
import { isId, newId } from '../common/ids';
import { isObject } from '../common/json';
import { Turns } from '../common/turns';
import { PROGRAM, recordAudit } from '../database/audit';
import { Database } from '../database/database';
import { NEWEST_FIRST, Parameters, readPage, type Page } from '../database/pages';
import { inScopes, scopesParameter, scopesWith, seenScopes } from '../database/scopes';
import type { Sql } from '../database/sql-pool';
import { Infrastructures } from '../infrastructures/infrastructures';
import { Queues } from '../queue/queues';
import { Services } from '../services/services';
import { windowsOf, type Window, type Windows } from './schedule';
import { Known } from './silence-index';
import { COLUMNS, coveredServices, endOf, type Silence, type SilenceMatch } from './silence';
import { SilenceDto, type MatchDto } from './silence.dto';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Longest silence by role, milliseconds. */
const LONGEST_MS: readonly [Role, number][] = [
  ['operator', DAY_MS],
  ['editor', 30 * DAY_MS],
  ['admin', Infinity],
];
/** No silence ends later than this from now, or began longer ago. */
const AHEAD_AT_MOST_MS = 10 * 366 * DAY_MS;
/** Largest number of silences that are not over. */
const CURRENT_AT_MOST = 10_000;
/** Largest number of services and infrastructures that all of these may name: every process has them in memory. */
const NAMED_AT_MOST = 200_000;
const WINDOWS_SHOWN = 10;
/** Clocks of callers may be a little ahead of ours. */
const PAST_MS = 60_000;

/** Fields that are shown of a silence and that a body may repeat: `PATCH` sends what was read. */
const SHOWN_ALONE = ['owner', 'active', 'matches', 'nextWindows', 'warnings', 'endedAt', 'endedBy'];

/** Filters of the list of silences. */
export class SilencesQuery extends PageQuery {
  @IsTrue('least(x.ends_at, x.ended_at) <= now()', 'Whether it is over')
  over?: string;

  @Choice(['true', 'false'], {
    description: 'Whether it mutes now; of a schedule, whether a window runs',
    optional: true,
  })
  active?: 'true' | 'false';

  @Same('x.owner', 'Who made it')
  owner?: string;

  @OneOf(['actions', 'scale_down', 'notifications'], 'x.mutes', 'What it mutes')
  mutes?: string;
}

/** Definition of a silence, checked. */
export type Draft = Pick<
  Silence,
  'match' | 'scopes' | 'mutes' | 'startsAt' | 'endsAt' | 'schedule' | 'reason' | 'endWhenOkSeconds' | 'onEnd'
>;

/** Silences: who has muted what, until when, and why. One that is over stays as history. */
@Injectable()
export class Silences implements Definitions {
  constructor(
    private readonly database: Database,
    private readonly services: Services,
    private readonly infrastructures: Infrastructures,
    private readonly queues: Queues,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async list(query: SilencesQuery): Promise<Page<Resource>> {
    const parameters = new Parameters();
    const seen = SEEN(parameters.add(scopesParameter(seenScopes())));
    const where = [seen, ...conditionsOf(query, parameters.add)];
    if (query.active !== undefined) {
      const isActive = await this.isActive(parameters.add);
      where.push(query.active === 'true' ? isActive : `NOT (${isActive})`);
    }
    const statement = { select: () => COLUMNS, from: 'silences x', id: 'x.id', where, parameters };
    const page = await readPage<Silence & Record<string, unknown>>(
      this.database,
      statement,
      pageIn(query, NEWEST_FIRST),
    );
    return { ...page, items: await this.shown(page.items) };
  }

  /** Returns an SQL condition: a silence mutes now. Windows of schedules are known here alone. */
  private async isActive(parameter: Parameters['add']): Promise<string> {
    const now = this.clock.now();
    const lasts = (moment: string) => `x.starts_at <= ${moment} AND least(x.ends_at, x.ended_at) > ${moment}`;
    const scheduled = await this.database.rows<Silence>(
      `SELECT ${COLUMNS} FROM silences x WHERE x.schedule IS NOT NULL AND ${lasts('$1::timestamptz')} LIMIT ${CURRENT_AT_MOST}`,
      [now],
    );
    const ids: string[] = [];
    const turns = new Turns();
    for (const silence of scheduled) {
      await turns.next();
      if (activeWindow(silence, now.getTime()) !== undefined) ids.push(silence.id);
    }
    const moment = `${parameter(now)}::timestamptz`;
    return `${lasts(moment)} AND (x.schedule IS NULL OR x.id = ANY(${parameter(ids)}::uuid[]))`;
  }

  async get(id: string): Promise<Resource> {
    return (await this.shown([await this.find(this.database, id)]))[0]!;
  }

  async create(body: unknown): Promise<Resource> {
    const now = this.clock.now();
    const draft = await this.draft(body, now);
    this.assertLength(draft);
    const silence: Silence = {
      ...draft,
      id: newId(),
      version: 1,
      createdAt: now,
      updatedAt: now,
      owner: (currentCaller() ?? PROGRAM).actor,
      endedAt: null,
      endedBy: null,
      cutAt: null,
    };
    await this.change(async (sql) => {
      await assertRoom(sql, now, draft);
      await sql.rows(
        `INSERT INTO silences (id, version, created_at, updated_at, owner, match, scopes, mutes, starts_at, ends_at, schedule,
           reason, end_when_ok_seconds, on_end) VALUES ($1, 1, $2, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
        [silence.id, now, silence.owner, ...valuesOf(silence)],
      );
      await this.note(sql, 'create', undefined, silence);
    });
    return this.get(silence.id);
  }

  async replace(id: string, body: unknown, expected: number | undefined): Promise<Resource> {
    const now = this.clock.now();
    const before = await this.find(this.database, id);
    this.assertMine(before);
    if (endOf(before) <= now.getTime()) throw new Conflict(`silence ${id} is over; make another one`);
    const draft = await this.draft(body, now, before);
    this.assertLength(draft);
    if (expected !== undefined && expected !== before.version) throw mismatch(id);
    if (isSame(before, draft)) return this.get(id);
    await this.change(async (sql) => {
      await assertRoom(sql, now, draft, id);
      const rows = await sql.rows<{ id: string }>(
        `UPDATE silences SET version = version + 1, updated_at = $2, match = $3, scopes = $4, mutes = $5, starts_at = $6,
           ends_at = $7, schedule = $8, reason = $9, end_when_ok_seconds = $10, on_end = $11
         WHERE id = $1 AND version = $12 AND ended_at IS NULL RETURNING id`,
        [id, now, ...valuesOf(draft), expected ?? before.version],
      );
      if (rows.length === 0) throw mismatch(id);
      await this.note(sql, 'update', before, { ...before, ...draft });
    });
    await this.lookAgain([before, { ...before, ...draft }]);
    return this.get(id);
  }

  /** Ends a silence now; it stays as history. */
  async remove(id: string, expected: number | undefined): Promise<void> {
    const now = this.clock.now();
    const before = await this.find(this.database, id);
    this.assertMine(before);
    if (expected !== undefined && expected !== before.version) throw mismatch(id);
    if (endOf(before) <= now.getTime()) return;
    const by = (currentCaller() ?? PROGRAM).actor;
    await this.change(async (sql) => {
      const rows = await sql.rows(
        `UPDATE silences SET version = version + 1, updated_at = $2, ended_at = $2, ended_by = $3
         WHERE id = $1 AND (ended_at IS NULL OR ended_at > $2) RETURNING id`,
        [id, now, by],
      );
      // Somebody else has ended it meanwhile.
      if (rows.length === 0) return;
      await this.note(sql, 'delete', before, { ...before, endedAt: now, endedBy: by });
    });
    await this.lookAgain([before]);
  }

  /**
   * Ends silences, or windows of them, whose services have all been ok for as long as they ask.
   *
   * @returns how many
   */
  async endOk(): Promise<number> {
    const now = this.clock.now();
    const asking = await this.database.rows<Silence>(
      `SELECT ${COLUMNS} FROM silences x
       WHERE end_when_ok_seconds IS NOT NULL AND ended_at IS NULL AND starts_at <= $1 AND ends_at > $1
       ORDER BY starts_at LIMIT ${CURRENT_AT_MOST}`,
      [now],
    );
    const long = asking.filter((silence) => {
      const window = activeWindow(silence, now.getTime());
      return window !== undefined && now.getTime() - window.from >= silence.endWhenOkSeconds! * 1000;
    });
    if (long.length === 0) return 0;
    const ok = await this.database.rows<{ id: string }>(
      `SELECT x.id FROM silences x
       WHERE x.id = ANY($1::uuid[]) AND EXISTS (${coveredServices('1', 's.enabled')})
         AND NOT EXISTS (${coveredServices('1', `s.enabled AND ${IS_UNEASY}`)})`,
      [long.map(({ id }) => id), now.getTime()],
    );
    const ids = new Set(ok.map(({ id }) => id));
    let ended = 0;
    for (const silence of long) if (ids.has(silence.id) && (await this.cut(silence, now))) ended++;
    return ended;
  }

  /** @returns whether it was still to be ended: another process may have done so, or somebody has changed it */
  private async cut(silence: Silence, now: Date): Promise<boolean> {
    const why = `ok for ${silence.endWhenOkSeconds} s`;
    const isCut = await this.change(async (sql) => {
      const set = silence.schedule === null ? 'ended_at = $2, ended_by = $3' : 'cut_at = $2, ended_by = $3';
      const rows = await sql.rows(
        `UPDATE silences SET version = version + 1, updated_at = $2, ${set}
         WHERE id = $1 AND ended_at IS NULL AND version = $4 RETURNING id`,
        [silence.id, now, why, silence.version],
      );
      if (rows.length === 0) return false;
      await recordAudit(sql, [
        {
          action: 'end',
          object: { type: 'silence', id: silence.id },
          detail: { because: why },
          caller: PROGRAM,
        },
      ]);
      return true;
    });
    if (isCut) await this.lookAgain([silence]);
    return isCut;
  }

  /**
   * Returns what a body asks for.
   *
   * @throws InvalidInput naming every wrong field
   * @throws Forbidden where it names what the caller may see and not silence
   */
  async draft(body: unknown, now: Date, before?: Silence): Promise<Draft> {
    const { value: dto, errors } = check(SilenceDto, withoutShown(body));
    if (dto === undefined) throw new InvalidInput(errors);
    const problems: FieldError[] = [];
    const match = await this.matchOf(dto.match, before, problems);
    const startsAt = dto.startsAt === undefined ? (before?.startsAt ?? now) : new Date(dto.startsAt);
    const endsAt = new Date(dto.endsAt!);
    if (endsAt <= startsAt) problems.push({ pointer: '/endsAt', detail: 'must be after startsAt' });
    else if (endsAt.getTime() <= now.getTime() - (before === undefined ? 0 : PAST_MS))
      problems.push({ pointer: '/endsAt', detail: 'must be in the future' });
    if (startsAt.getTime() < now.getTime() - AHEAD_AT_MOST_MS)
      problems.push({ pointer: '/startsAt', detail: 'must be within the last ten years, or later' });
    if (endsAt.getTime() > now.getTime() + AHEAD_AT_MOST_MS)
      problems.push({ pointer: '/endsAt', detail: 'must be within ten years' });
    const schedule = dto.schedule === undefined ? null : scheduleOf(dto);
    if (problems.length === 0 && schedule !== null) {
      const [first] = windowsOf({ from: startsAt.getTime(), until: endsAt.getTime() }, schedule).next(startsAt.getTime(), 1); // prettier-ignore
      if (first === undefined)
        problems.push({ pointer: '/schedule/rrule', detail: 'has no window between startsAt and endsAt' });
    }
    if (problems.length > 0) throw new InvalidInput(problems);
    return {
      match,
      scopes: before?.scopes ?? (scopesWith('operator') as Record<string, string>[] | null),
      mutes: dto.mutes as Silence['mutes'],
      startsAt,
      endsAt,
      schedule,
      reason: dto.reason,
      endWhenOkSeconds: dto.endWhenOkForSeconds ?? null,
      onEnd: dto.onEnd as Silence['onEnd'],
    };
  }

  private async matchOf(
    given: MatchDto,
    before: Silence | undefined,
    problems: FieldError[],
  ): Promise<SilenceMatch> {
    const match: SilenceMatch = {};
    if (given.labels !== undefined) match.labels = given.labels;
    for (const [kind, word, store] of [
      ['services', 'service', this.services.store],
      ['infrastructures', 'infrastructure', this.infrastructures.store],
    ] as const) {
      const references = given[kind];
      if (references === undefined) continue;
      const rows = await store.findMany(references);
      const ids = new Map(rows.flatMap(({ id, name }) => [[id, id] as const, [name, id] as const]));
      // What was named before may be gone, or out of the caller's sight.
      for (const id of before?.match[kind] ?? []) if (!ids.has(id)) ids.set(id, id);
      references.forEach((reference, index) => {
        if (!ids.has(reference))
          problems.push({ pointer: `/match/${kind}/${index}`, detail: `there is no ${word} ${JSON.stringify(reference)}` }); // prettier-ignore
      });
      const scopes = scopesWith('operator');
      const foreign = rows.find(({ labels }) => !isWithin(labels, scopes));
      if (foreign !== undefined && kind === 'services')
        throw new Forbidden(`${word} ${foreign.name}: this needs the right operator`);
      match[kind] = [...new Set(references.flatMap((reference) => ids.get(reference) ?? []))];
    }
    return match;
  }

  /** @throws Forbidden when it is longer than the caller's role allows */
  private assertLength({ startsAt, endsAt, scopes }: Draft): void {
    const caller = currentCaller();
    if (caller === undefined) return;
    const length = endsAt.getTime() - startsAt.getTime();
    const [role] = LONGEST_MS.find(([, longest]) => length <= longest)!;
    const mine = scopesOf(caller, role);
    const isMine = mine === null || (scopes !== null && scopes.length > 0 && scopes.every((scope) => isWithin(scope, mine))); // prettier-ignore
    if (isMine) return;
    const limits =
      'operators silence for up to 24 hours, editors for up to 30 days, administrators for longer';
    throw new Forbidden(
      `a silence of ${Number((length / HOUR_MS).toFixed(2))} hours needs the right ${role}: ${limits}`,
    );
  }

  /** @throws Forbidden when the silence covers more than the caller's scope */
  private assertMine({ id, scopes }: Silence): void {
    const mine = scopesWith('operator');
    if (mine === null || (scopes !== null && scopes.every((scope) => isWithin(scope, mine)))) return;
    throw new Forbidden(`silence ${id}: this needs the right operator for all that it covers`);
  }

  private async find(sql: Pick<Sql, 'rows'>, id: string): Promise<Silence> {
    const [row] = isId(id)
      ? await sql.rows<Silence>(`SELECT ${COLUMNS} FROM silences x WHERE x.id = $1 AND ${SEEN('$2')}`, [
          id,
          scopesParameter(seenScopes()),
        ])
      : [];
    if (row === undefined) throw new NotFound('silence', id);
    return row;
  }

  /** Runs a change in a transaction; every process learns of it with what it reads next. */
  private change<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.database.transaction(async (sql) => {
      await sql.rows('UPDATE silence_revision SET revision = revision + 1');
      return work(sql);
    });
  }

  private async note(sql: Sql, action: string, before: Silence | undefined, after: Silence): Promise<void> {
    const changes = differences(before && plain(before), plain(after));
    await recordAudit(sql, [
      { action, object: { type: 'silence', id: after.id, name: after.reason }, changes },
    ]);
  }

  /** Has services without polls that a silence mutes looked at now: nothing else does before its old end. */
  private async lookAgain(silences: readonly Silence[]): Promise<void> {
    const now = this.clock.now();
    const rows = await this.database.rows<{ id: string }>(
      `WITH muted AS (
         SELECT s.id, s.version FROM silences x
           CROSS JOIN LATERAL (${coveredServices('s.id, s.version', 'NOT s.polled AND s.enabled')}) s
           JOIN service_states st ON st.service_id = s.id
         WHERE x.id = ANY($1::uuid[]) AND st.state->>'phase' = 'alarm'),
       kept AS (
         INSERT INTO changed_services SELECT DISTINCT id, version, $2::timestamptz FROM muted
         ON CONFLICT (service_id) DO UPDATE SET changed_at = excluded.changed_at)
       SELECT DISTINCT id FROM muted LIMIT 10000`,
      [silences.map(({ id }) => id), now],
    );
    if (rows.length > 0) await this.queues.addServices(rows, now);
  }

  private async shown(rows: readonly Silence[]): Promise<Resource[]> {
    if (rows.length === 0) return [];
    const ids = (kind: 'services' | 'infrastructures') => [
      ...new Set(rows.flatMap(({ match }) => match[kind] ?? [])),
    ];
    const [services, infrastructures, counts] = await Promise.all([
      this.services.store.namesOf(ids('services')),
      this.infrastructures.store.namesOf(ids('infrastructures')),
      this.counts(rows.map(({ id }) => id)),
    ]);
    const now = this.clock.now().getTime();
    return rows.map((row) => ({
      id: row.id,
      match: {
        ...(row.match.services && { services: row.match.services.map((id) => services.get(id) ?? id) }),
        ...(row.match.labels && { labels: row.match.labels }),
        ...(row.match.infrastructures && {
          infrastructures: row.match.infrastructures.map((id) => infrastructures.get(id) ?? id),
        }),
      },
      ...plain(row),
      owner: row.owner,
      active: activeWindow(row, now) !== undefined,
      matches: counts.get(row.id) ?? 0,
      ...(row.schedule === null ? {} : scheduleShown(row, now)),
      ...(row.endedAt === null ? {} : { endedAt: row.endedAt.toISOString() }),
      ...(row.endedBy === null ? {} : { endedBy: row.endedBy }),
      version: row.version,
      createdAt: row.createdAt.toISOString(),
      updatedAt: row.updatedAt.toISOString(),
    }));
  }

  /**
   * Counts the services that each silence covers now, of those that the caller may see; once for all silences that
   * cover the same.
   */
  private async counts(ids: readonly string[]): Promise<Map<string, number>> {
    const rows = await this.database.rows<{ id: string; count: number }>(
      `SELECT unnest(x.ids) AS id, (SELECT count(*)::int FROM (${coveredServices('1', inScopes('s.labels', '$2'))}) c) AS count
       FROM (SELECT match, scopes, array_agg(id) AS ids FROM silences WHERE id = ANY($1::uuid[]) GROUP BY match, scopes) x`,
      [ids, scopesParameter(seenScopes())],
    );
    return new Map(rows.map(({ id, count }) => [id, count]));
  }
}

/** SQL condition: a silence concerns what the caller may see, or is of nothing that is there and of the caller's scope. */
const SEEN = (parameter: string): string => `(${parameter}::jsonb[] IS NULL
  OR EXISTS (${coveredServices('1', inScopes('s.labels', parameter))})
  OR EXISTS (SELECT FROM jsonb_array_elements(x.scopes) scope WHERE scope @> ANY(${parameter}::jsonb[])))`;

/**
 * Refuses a silence for which there is no room beside those that are not over.
 *
 * @param id of the one that is changed
 * @throws Conflict
 */
async function assertRoom(sql: Sql, now: Date, { match }: Draft, id?: string): Promise<void> {
  const [row] = await sql.rows<{ count: number; named: number }>(
    `SELECT count(*)::int AS count, coalesce(sum(
       jsonb_array_length(coalesce(match->'services', '[]')) + jsonb_array_length(coalesce(match->'infrastructures', '[]'))), 0)::int AS named
     FROM silences WHERE ends_at > $1 AND ended_at IS NULL AND id IS DISTINCT FROM $2`,
    [now, id ?? null],
  );
  if (row!.count >= CURRENT_AT_MOST)
    throw new Conflict(`there are ${CURRENT_AT_MOST} silences that are not over; end one first`);
  const named = (match.services?.length ?? 0) + (match.infrastructures?.length ?? 0);
  if (row!.named + named > NAMED_AT_MOST)
    throw new Conflict(
      `silences that are not over name ${row!.named} services and infrastructures, and may name ${NAMED_AT_MOST}; match by labels, or end some first`,
    );
}

/** SQL condition: the service `s` has not been ok for as long as the silence `x` asks, at the moment `$2`. */
const IS_UNEASY = `NOT EXISTS (SELECT FROM service_states st WHERE st.service_id = s.id AND st.state->>'phase' = 'ok'
  AND (st.state->>'since')::float8 <= $2::float8 - x.end_when_ok_seconds * 1000)`;

const mismatch = (id: string) =>
  new VersionMismatch(`silence ${id} was changed in the meantime; read it again`);

/** Returns what a body holds beside fields that are only shown. */
function withoutShown(body: unknown): unknown {
  if (!isObject(body)) return body;
  return Object.fromEntries(Object.entries(body).filter(([name]) => !SHOWN_ALONE.includes(name)));
}

/** Returns the schedule of a body; where its beginning is left out, an hour without minutes is a whole one. */
function scheduleOf({ schedule, startsAt }: SilenceDto): Silence['schedule'] {
  const { rrule, timeZone, durationSeconds } = schedule!;
  const isOpen = startsAt === undefined && /BYHOUR=/i.test(rrule) && !/BYMINUTE=/i.test(rrule);
  return { rrule: isOpen ? `${rrule};BYMINUTE=0` : rrule, timeZone, durationSeconds };
}

export function windowsOfSilence(silence: Draft & Partial<Pick<Silence, 'endedAt'>>): Windows {
  const until = endOf({ endsAt: silence.endsAt, endedAt: silence.endedAt ?? null });
  return windowsOf({ from: silence.startsAt.getTime(), until }, silence.schedule ?? undefined);
}

/** Returns the window that runs at a moment; undefined where none does, or the silence can't be read. */
function activeWindow(silence: Silence, now: number): Window | undefined {
  try {
    return new Known(silence).at(now, now);
  } catch {
    return undefined;
  }
}

/** Returns the next windows, and a warning of times that do not exist. */
export function scheduleShown(silence: Draft, now: number): { nextWindows: object[]; warnings?: string[] } {
  try {
    const windows = windowsOfSilence(silence);
    const warnings = leftOutWarnings(windows, silence, now);
    const nextWindows = windows.next(now, WINDOWS_SHOWN).map(({ from, until }) => ({
      from: new Date(from).toISOString(),
      to: new Date(until).toISOString(),
    }));
    return { nextWindows, ...(warnings.length === 0 ? {} : { warnings }) };
  } catch {
    return { nextWindows: [], warnings: ['its schedule can not be read'] };
  }
}

const leftOutWarnings = (windows: Windows, { schedule }: Draft, now: number): string[] =>
  windows
    .leftOut(now)
    .map(
      (local) =>
        `${local} does not exist in ${schedule?.timeZone}: clocks are set forward, so there is no window`,
    );

/** Returns a silence as it is written in the API, without what is only shown. */
const plain = (silence: Draft): object => ({
  mutes: silence.mutes,
  startsAt: silence.startsAt.toISOString(),
  endsAt: silence.endsAt.toISOString(),
  ...(silence.schedule === null ? {} : { schedule: silence.schedule }),
  reason: silence.reason,
  ...(silence.endWhenOkSeconds === null ? {} : { endWhenOkForSeconds: silence.endWhenOkSeconds }),
  onEnd: silence.onEnd,
});

/** Tells whether two silences mute the same, at the same times and for the same reason. */
const isSame = (one: Draft, other: Draft): boolean =>
  differences({ match: one.match, ...plain(one) }, { match: other.match, ...plain(other) }).length === 0;

const valuesOf = (draft: Draft): unknown[] => [
  JSON.stringify(draft.match),
  draft.scopes === null ? null : JSON.stringify(draft.scopes),
  draft.mutes,
  draft.startsAt,
  draft.endsAt,
  draft.schedule === null ? null : JSON.stringify(draft.schedule),
  draft.reason,
  draft.endWhenOkSeconds,
  draft.onEnd,
];
