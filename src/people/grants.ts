import { Inject, Injectable } from '@nestjs/common';
import type { Definitions, Resource } from '../api/definition.controller';
import { conditionsOf, HasLabel, IsTrue, OneOf, Filter, Same } from '../api/filters';
import { pageIn, PageQuery } from '../api/page-query';
import { ROLES, type Grant } from '../common/caller';
import { CLOCK, type Clock } from '../common/clock';
import { checked } from '../common/check';
import { differences } from '../common/differences';
import { Conflict, InvalidInput, NotFound, VersionMismatch, type FieldError } from '../common/errors';
import { Flag, Nested, Text } from '../common/fields';
import { isId, newId } from '../common/ids';
import { recordAudit } from '../database/audit';
import { Database } from '../database/database';
import { Parameters, readPage, type Page } from '../database/pages';
import type { Sql } from '../database/sql-pool';
import { keepingAdministrator } from './administrators';
import { grantOf, grantShown, RightsDto } from './role.dto';
import { GROUP_CHARACTERS_AT_MOST } from './users';

/** Who gets a grant: exactly one of these. */
export class SubjectDto {
  @Text({ description: 'Name or id of a user', optional: true, minLength: 1, maxLength: 200 })
  user?: string;

  @Text({
    description: 'Group of users',
    optional: true,
    minLength: 1,
    maxLength: GROUP_CHARACTERS_AT_MOST,
  })
  group?: string;

  @Text({
    description: 'Id of a token; what it may stays within what its maker may',
    optional: true,
    check: (text) => (isId(text) ? undefined : 'must be the id of a token'),
  })
  token?: string;

  @Flag({ description: 'True: whoever sends no credentials', optional: true })
  anonymous?: boolean;

  /** Whether exactly one of the fields is given. */
  get isOne(): boolean {
    const { user, group, token, anonymous } = this;
    if (anonymous === false) return false;
    return [user, group, token, anonymous].filter((given) => given !== undefined).length === 1;
  }
}

export class GrantDto extends RightsDto {
  @Nested(() => SubjectDto, { description: 'Who gets it' })
  subject: SubjectDto;

  override problems(): FieldError[] {
    const errors = super.problems();
    if (!this.subject.isOne)
      errors.push({
        pointer: '/subject',
        detail: 'must have exactly one of user, group, token and "anonymous": true',
      });
    // Whatever page a browser is on could send what needs no credentials.
    if (this.subject.anonymous === true && (this.approve || this.role !== 'viewer'))
      errors.push({ pointer: '/role', detail: 'must be viewer, and nothing else, for everybody' });
    return errors;
  }
}

/** Filters of the list of grants. */
export class GrantsQuery extends PageQuery {
  @Filter({ description: 'Name or id of the user who has it' }, (values, parameter) => {
    const given = parameter(values);
    return `g.user_id IN (SELECT u.id FROM users u WHERE u.name = ANY(${given}::text[]) OR u.id::text = ANY(${given}::text[]))`;
  })
  user?: string;

  @Same('g.group_name', 'The group that has it')
  group?: string;

  @Same('g.token_id::text', 'Id of the token that has it')
  token?: string;

  @IsTrue('g.anonymous', 'Whether it is for whoever sends no credentials')
  anonymous?: string;

  @OneOf(ROLES, 'g.role', 'Its role')
  role?: string;

  @IsTrue('g.approve', 'Whether it lets approve')
  approve?: string;

  @HasLabel(`coalesce(g.scope, '{}')`, 'A label of its scope')
  label?: string[];
}

interface GrantRow extends Grant {
  id: string;
  version: number;
  createdAt: Date;
  updatedAt: Date;
  user: string | null;
  group: string | null;
  token: string | null;
}

/** Columns of a subject. */
interface Subject {
  userId: string | null;
  group: string | null;
  tokenId: string | null;
  anonymous: boolean;
}

/** Largest number of grants that one subject has: they are read with each request. */
const PER_SUBJECT_AT_MOST = 100;

const SHOWN = `g.id, g.version, g.created_at AS "createdAt", g.updated_at AS "updatedAt", g.role, g.approve, g.scope,
  (SELECT name FROM users u WHERE u.id = g.user_id) AS "user", g.group_name AS "group", g.token_id AS token`;

/** Grants: who may do what. They are read with each request, so a change counts at once. */
@Injectable()
export class Grants implements Definitions {
  constructor(
    private readonly database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async list(query: PageQuery): Promise<Page<Resource>> {
    const parameters = new Parameters();
    const where = conditionsOf(query, parameters.add);
    const statement = { select: () => SHOWN, from: 'grants g', id: 'g.id', where, parameters };
    const page = await readPage<GrantRow & Record<string, unknown>>(this.database, statement, pageIn(query));
    return { ...page, items: page.items.map(shown) };
  }

  async get(id: string): Promise<Resource> {
    return shown(await find(this.database, id));
  }

  async create(body: unknown): Promise<Resource> {
    const dto = checked(GrantDto, body);
    const { role, approve, scope } = grantOf(dto);
    return this.change(async (sql) => {
      const subject = await subjectOf(sql, dto.subject);
      await assertRoom(sql, subject);
      const id = newId();
      await sql.rows(
        `INSERT INTO grants (id, version, created_at, updated_at, user_id, group_name, token_id, anonymous, role, approve, scope)
         VALUES ($1, 1, $2, $2, $3, $4, $5, $6, $7, $8, $9)`,
        [id, this.clock.now(), ...columnsOf(subject), role, approve, json(scope)],
      );
      const made = await find(sql, id);
      await note(sql, 'create', id, undefined, made);
      return shown(made);
    });
  }

  async replace(id: string, body: unknown, expectedVersion: number | undefined): Promise<Resource> {
    const dto = checked(GrantDto, body);
    const { role, approve, scope } = grantOf(dto);
    return this.change(async (sql) => {
      const before = await find(sql, id);
      assertVersion(before, expectedVersion);
      const subject = await subjectOf(sql, dto.subject);
      const changed = await sql.rows(
        `UPDATE grants SET version = version + 1, updated_at = $2, user_id = $3, group_name = $4, token_id = $5, anonymous = $6,
           role = $7, approve = $8, scope = $9
         WHERE id = $1 AND (user_id, group_name, token_id, anonymous, role, approve, scope) IS DISTINCT FROM ($3, $4, $5, $6, $7, $8, $9)
         RETURNING id`,
        [id, this.clock.now(), ...columnsOf(subject), role, approve, json(scope)],
      );
      if (changed.length === 0) return shown(before);
      const after = await find(sql, id);
      await note(sql, 'update', id, before, after);
      return shown(after);
    });
  }

  async remove(id: string, expectedVersion: number | undefined): Promise<void> {
    await this.change(async (sql) => {
      const before = await find(sql, id);
      assertVersion(before, expectedVersion);
      await sql.rows('DELETE FROM grants WHERE id = $1', [id]);
      await note(sql, 'delete', id, before, undefined);
    });
  }

  /** Runs a change in a transaction in which no other one of grants or users is made. */
  private change<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.database.transaction((sql) =>
      keepingAdministrator(
        (text, values) => sql.rows(text, values),
        () => work(sql),
      ),
    );
  }
}

const columnsOf = ({ userId, group, tokenId, anonymous }: Subject) => [userId, group, tokenId, anonymous];

const json = (scope: object | null): string | null => (scope === null ? null : JSON.stringify(scope));

async function find(sql: Sql, id: string): Promise<GrantRow> {
  const [row] = isId(id)
    ? await sql.rows<GrantRow>(`SELECT ${SHOWN} FROM grants g WHERE g.id = $1`, [id])
    : [];
  if (row === undefined) throw new NotFound('grant', id);
  return row;
}

function assertVersion({ id, version }: GrantRow, expected: number | undefined): void {
  if (expected === undefined || expected === version) return;
  throw new VersionMismatch(`grant ${id} was changed in the meantime; read it again`);
}

/**
 * Finds the subject of a grant, which is there until the transaction ends.
 *
 * @throws InvalidInput
 */
async function subjectOf(sql: Sql, { user, group, token }: SubjectDto): Promise<Subject> {
  const none: Subject = { userId: null, group: null, tokenId: null, anonymous: false };
  if (group !== undefined) return { ...none, group };
  if (user === undefined && token === undefined) return { ...none, anonymous: true };
  const [table, field, reference] =
    user === undefined ? (['api_tokens', 'token', token!] as const) : (['users', 'user', user] as const);
  const byName = table === 'users' ? ' OR name = $1' : '';
  const [row] = await sql.rows<{ id: string }>(
    `SELECT id FROM ${table} WHERE id::text = $1${byName} FOR KEY SHARE`,
    [reference],
  );
  if (row === undefined)
    throw new InvalidInput([
      { pointer: `/subject/${field}`, detail: `there is no ${field} ${JSON.stringify(reference)}` },
    ]);
  return { ...none, [field === 'user' ? 'userId' : 'tokenId']: row.id };
}

async function assertRoom(sql: Sql, subject: Subject): Promise<void> {
  const [row] = await sql.rows<{ count: number }>(
    `SELECT count(*)::int AS count FROM grants WHERE user_id = $1 OR group_name = $2 OR token_id = $3 OR (anonymous AND $4)`,
    columnsOf(subject),
  );
  if (row!.count >= PER_SUBJECT_AT_MOST)
    throw new Conflict(`it has ${PER_SUBJECT_AT_MOST} grants already; change or delete one`);
}

/** Writes down who changed a grant, in the transaction that does. */
const note = (
  sql: Sql,
  action: string,
  id: string,
  before: GrantRow | undefined,
  after: GrantRow | undefined,
): Promise<void> =>
  recordAudit(sql, [
    {
      action,
      object: { type: 'grant', id },
      changes: differences(before ? described(before) : {}, after ? described(after) : {}),
    },
  ]);

function described({ user, group, token, role, approve, scope }: GrantRow): object {
  const named = Object.entries({ user, group, token }).filter(([, value]) => value !== null);
  const subject = named.length === 0 ? { anonymous: true } : Object.fromEntries(named);
  return { subject, ...grantShown({ role, approve, scope }) };
}

function shown(row: GrantRow): Resource {
  const { id, version, createdAt, updatedAt } = row;
  const times = { createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() };
  return { id, ...described(row), version, ...times };
}
