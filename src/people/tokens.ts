import { randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import {
  byKey,
  conditionsOf,
  HasLabel,
  IsTrue,
  OneOf,
  Same,
  Search,
  searchedIn,
  SortBy,
} from '../api/filters';
import { pageIn, PageQuery } from '../api/page-query';
import { TOKEN_PREFIX } from '../auth/api-tokens';
import { hashOf } from '../auth/identities';
import { isWithin, ROLES, scopesOf, type Caller, type Grant, type Right } from '../common/caller';
import { CLOCK, type Clock } from '../common/clock';
import { differences } from '../common/differences';
import { Conflict, Forbidden, NotFound } from '../common/errors';
import { Decimal, Text } from '../common/fields';
import { isId, newId } from '../common/ids';
import { NAME } from '../common/names';
import { recordAudit } from '../database/audit';
import { Database } from '../database/database';
import { NEWEST_FIRST, OLDEST_FIRST, Parameters, readPage, type Page } from '../database/pages';
import { grantOf, grantShown, RightsDto } from './role.dto';

const TOKEN_BYTES = 32;
const DAY_MS = 86_400_000;
/** Largest number of tokens that one user has, also of expired ones. */
const PER_MAKER_AT_MOST = 1_000;

export class TokenDto extends RightsDto {
  @Text({ description: 'What it is for', ...NAME })
  name: string;

  @Decimal({
    description: 'Time after which it is void',
    unit: 'days',
    minimum: 0.00001,
    maximum: 3_650,
  })
  expiresInDays = 90;
}

interface TokenRow extends Grant {
  id: string;
  name: string;
  createdAt: Date;
  expiresAt: Date;
  lastUsedAt: Date | null;
  madeBy: string;
}

const MADE_BY = `coalesce(u.name, 'the administrator')`;
const COLUMNS = `t.id, t.name, t.role, t.approve, t.scope, t.created_at AS "createdAt", t.expires_at AS "expiresAt",
  t.last_used_at AS "lastUsedAt", ${MADE_BY} AS "madeBy"`;
const FROM = 'api_tokens t LEFT JOIN users u ON u.id = t.user_id';
const SHOWN = `${COLUMNS} FROM ${FROM}`;

/** Filters of the list of tokens. */
export class TokensQuery extends PageQuery {
  @Search(searchedIn('t.name'), 'its name')
  search?: string;

  @OneOf(ROLES, 't.role', 'Its role')
  role?: string;

  @IsTrue('t.approve', 'Whether it lets approve')
  approve?: string;

  @HasLabel(`coalesce(t.scope, '{}')`, 'A label of its scope')
  label?: string[];

  @Same(MADE_BY, 'Name of the user who made it')
  madeBy?: string;

  @IsTrue('t.expires_at <= now()', 'Whether it has expired')
  expired?: string;

  @SortBy({
    createdAt: OLDEST_FIRST,
    '-createdAt': NEWEST_FIRST,
    ...byKey('name', 't.name', 'text'),
  })
  sort = 'createdAt';
}

/** Makes, lists and deletes API tokens. Only hashes are stored. */
@Injectable()
export class Tokens {
  constructor(
    private readonly database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Makes a token of the caller, which is shown this once.
   *
   * @throws Forbidden when it would do more than its maker may
   */
  async create(dto: TokenDto, maker: Caller): Promise<object> {
    if (maker.via === 'token') throw new Forbidden('a token makes no tokens: sign in for that');
    const grant = grantOf(dto);
    assertWithin(grant, maker);
    const token = TOKEN_PREFIX + randomBytes(TOKEN_BYTES).toString('base64url');
    const [id, now, userId] = [newId(), this.clock.now(), maker.userId ?? null];
    await this.database.transaction(async (sql) => {
      await sql.rows('SELECT FROM users WHERE id = $1 FOR UPDATE', [userId]);
      const [made] = await sql.rows<{ count: number }>(
        'SELECT count(*)::int AS count FROM api_tokens WHERE user_id IS NOT DISTINCT FROM $1',
        [userId],
      );
      if (made!.count >= PER_MAKER_AT_MOST)
        throw new Conflict(`you have ${PER_MAKER_AT_MOST} tokens already; delete some`);
      await sql.rows(
        `INSERT INTO api_tokens (id, name, token_hash, user_id, role, approve, scope, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
        [
          id,
          dto.name,
          hashOf(token),
          userId,
          grant.role,
          grant.approve,
          grant.scope === null ? null : JSON.stringify(grant.scope),
          now,
          new Date(now.getTime() + dto.expiresInDays * DAY_MS),
        ],
      );
      const changes = differences({}, { name: dto.name, ...grantShown(grant) });
      await recordAudit(sql, [{ action: 'create', object: { type: 'token', id, name: dto.name }, changes }]);
    });
    return { ...(await this.get(id, maker)), token };
  }

  async list(query: TokensQuery, caller: Caller): Promise<Page<object>> {
    const parameters = new Parameters();
    const [isAdministrator, userId] = reachOf(caller);
    const reached = isAdministrator ? [] : [`t.user_id = ${parameters.add(userId)}`];
    const where = [...reached, ...conditionsOf(query, parameters.add)];
    const statement = { select: () => COLUMNS, from: FROM, id: 't.id', where, parameters };
    const page = await readPage<TokenRow & Record<string, unknown>>(this.database, statement, pageIn(query));
    return { ...page, items: page.items.map(shown) };
  }

  async get(id: string, caller: Caller): Promise<object> {
    const [row] = isId(id)
      ? await this.database.rows<TokenRow>(`SELECT ${SHOWN} WHERE t.id = $1 AND ($2 OR t.user_id = $3)`, [
          id,
          ...reachOf(caller),
        ])
      : [];
    if (row === undefined) throw new NotFound('token', id);
    return shown(row);
  }

  /**
   * Deletes a token, which is void at once. A token may delete itself, and no others of its maker.
   *
   * @throws NotFound, Forbidden
   */
  async remove(id: string, caller: Caller): Promise<void> {
    await this.get(id, caller);
    const [isAdministrator] = reachOf(caller);
    if (caller.via === 'token' && caller.credentialId !== id && !isAdministrator)
      throw new Forbidden('a token deletes no token but itself');
    await this.database.transaction(async (sql) => {
      const [deleted] = await sql.rows<{ name: string }>(
        'DELETE FROM api_tokens WHERE id = $1 RETURNING name',
        [id],
      );
      if (deleted === undefined) throw new NotFound('token', id);
      await recordAudit(sql, [{ action: 'delete', object: { type: 'token', id, ...deleted } }]);
    });
  }
}

/** Returns whether the caller reaches all tokens, and else whose. */
const reachOf = (caller: Caller): [isAdministrator: boolean, userId: string | null] => [
  scopesOf(caller, 'admin') === null,
  caller.userId ?? null,
];

/**
 * Checks that a token does no more than its maker may now; what the maker may later is checked at each use.
 *
 * @throws Forbidden
 */
function assertWithin({ role, approve, scope }: Grant, maker: Caller): void {
  const rights: Right[] = [...(role === null ? [] : [role]), ...(approve ? (['approve'] as const) : [])];
  for (const right of rights)
    if (!isWithin(scope ?? {}, scopesOf(maker, right)))
      throw new Forbidden(
        `a token does no more than you may, and you lack the right ${right}${scope === null ? ' without a scope' : ' in this scope'}`,
      );
}

const shown = ({ id, name, createdAt, expiresAt, lastUsedAt, madeBy, ...grant }: TokenRow): object => ({
  id,
  name,
  ...grantShown(grant),
  createdAt: createdAt.toISOString(),
  expiresAt: expiresAt.toISOString(),
  ...(lastUsedAt === null ? {} : { lastUsedAt: lastUsedAt.toISOString() }),
  madeBy,
});
