import { conditionsOf, Same } from '../api/filters';
import { pageIn, PageQuery } from '../api/page-query';
import { NEWEST_FIRST, Parameters, readPage, type Page } from '../database/pages';
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { Inject, Injectable, Logger } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { clientAddress } from '../auth/client-address';
import { hashOf } from '../auth/identities';
import { GRANTS_OF_USER, type GrantsColumn } from '../auth/grants-sql';
import { Sessions } from '../auth/sessions';
import { Batcher } from '../common/batcher';
import { currentCaller, type Caller } from '../common/caller';
import { messageOf } from '../common/errors';
import { newId } from '../common/ids';
import { storable } from '../common/json';
import { CONFIG, type Config } from '../config/config';
import { recordAudit } from '../database/audit';
import { Database } from '../database/database';
import type { Sql } from '../database/sql-pool';
import { Statement } from '../database/statement';
import { cookieIn, setCookie } from './cookies';
import { isSecure, refuseOtherSites } from './origins';
import { flag, moment, object, shape, text, uuid } from '../common/shapes';

/** Time without a request after which a session is over, and its longest life. */
const IDLE = `interval '12 hours'`;
const LIFE_SECONDS = 7 * 24 * 3_600;
/** Most sessions of one user; a further one ends the one that was used longest ago. */
const AT_MOST = 100;
const AGENT_CHARACTERS = 200;
const TOKEN_BYTES = 32;
const TOKEN = /^[\w-]{43}$/;
const CIPHER = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;

const LIVES = `s.last_used_at > now() - ${IDLE} AND s.expires_at > now() AND NOT u.disabled`;

interface SessionRow {
  hash: Buffer;
  id: string;
  userId: string;
  name: string;
  grants: GrantsColumn;
  isStale: boolean;
}

/** Session as people are shown it. */
export interface ShownSession {
  id: string;
  user: string;
  /** Whether it is the one by which this is asked. */
  current: boolean;
  address: string;
  agent: string;
  createdAt: Date;
  lastUsedAt: Date;
  expiresAt: Date;
}

export const SESSION = shape(
  'Session',
  object({
    id: uuid,
    user: text,
    current: flag,
    address: text,
    agent: text,
    createdAt: moment,
    lastUsedAt: moment,
    expiresAt: moment,
  }),
);

const SHOWN = `s.id, u.name AS user, s.address, s.agent, s.created_at AS "createdAt", s.last_used_at AS "lastUsedAt",
  s.expires_at AS "expiresAt"`;

/** Filters of the list of sessions. */
export class SessionsQuery extends PageQuery {
  @Same('u.name', 'Name of the user')
  user?: string;

  @Same('s.address', 'The address it was begun from')
  address?: string;
}

/** Finds living sessions by the hashes of their tokens, with what their users may. */
const FIND_SESSIONS = new Statement<SessionRow>(
  'auth_sessions',
  `SELECT s.token_hash AS hash, s.id, s.user_id AS "userId", u.name, ${GRANTS_OF_USER} AS grants,
     s.last_used_at < now() - interval '1 minute' AS "isStale"
   FROM sessions s JOIN users u ON u.id = s.user_id
   WHERE s.token_hash = ANY($1::bytea[]) AND ${LIVES}`,
  'by keys',
);

/**
 * Sessions of users. A session is known by 256 random bits in a cookie, of which only the hash is stored, and is read
 * anew for each request, with the user's rights: what is ended, disabled or revoked is so on the next request to any
 * process. Lookups are batched, so that concurrent requests share one statement.
 */
@Injectable()
export class UserSessions extends Sessions {
  private readonly logger = new Logger('Sessions');
  private readonly lookups = new Batcher((hashes: Buffer[]) => this.find(hashes));
  private readonly uses = new Batcher((ids: string[]) => this.writeUses(ids));

  constructor(
    private readonly database: Database,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    super();
  }

  /**
   * @throws Forbidden, UnsupportedMediaTypeException when the request changes something and another site may have made
   * it
   */
  override async callerOf(request: FastifyRequest): Promise<Caller | undefined> {
    const token = this.tokenIn(request);
    if (token === undefined) return undefined;
    refuseOtherSites(request.raw, this.config.publicUrl);
    const row = await this.lookups.add(hashOf(token));
    if (row === undefined) return undefined;
    if (row.isStale) await this.noteUse(row.id);
    const { id, userId, name, grants } = row;
    const address = clientAddress(request.raw);
    return { actor: name, via: 'session', address, userId, credentialId: id, grants };
  }

  private tokenIn({ raw }: FastifyRequest): string | undefined {
    const token = cookieIn(raw, 'monscale', isSecure(raw, this.config.publicUrl));
    return token !== undefined && TOKEN.test(token) ? token : undefined;
  }

  /**
   * Begins a session, and ends the one that the browser had: its id is never taken over.
   *
   * @param way by which the user has shown who they are
   * @param idToken of the provider that signed the user in
   * @returns the header that gives the browser its cookie
   */
  async begin(
    sql: Sql,
    userId: string,
    request: FastifyRequest,
    way: 'password' | 'provider' | 'setup',
    idToken?: string,
  ): Promise<string> {
    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    const before = this.tokenIn(request);
    if (before !== undefined) await sql.rows('DELETE FROM sessions WHERE token_hash = $1', [hashOf(before)]);
    const agent = storable(request.headers['user-agent'] ?? '').slice(0, AGENT_CHARACTERS);
    const id = newId();
    await sql.rows(
      `INSERT INTO sessions (id, token_hash, user_id, created_at, last_used_at, expires_at, address, agent, id_token)
       VALUES ($1, $2, $3, now(), now(), now() + $4 * interval '1 second', $5, $6, $7)`,
      [
        id,
        hashOf(token),
        userId,
        LIFE_SECONDS,
        clientAddress(request.raw),
        agent,
        idToken === undefined ? null : sealed(token, idToken),
      ],
    );
    await sql.rows(
      `DELETE FROM sessions WHERE id IN
         (SELECT id FROM sessions WHERE user_id = $1 ORDER BY last_used_at DESC, id DESC OFFSET $2)`,
      [userId, AT_MOST],
    );
    await noteBegin(sql, { userId, credentialId: id, address: clientAddress(request.raw) }, way);
    return setCookie('monscale', token, isSecure(request.raw, this.config.publicUrl), LIFE_SECONDS);
  }

  /**
   * Ends the session of a request.
   *
   * @returns the header that removes the cookie, and the ID token by which the session began
   */
  async end(request: FastifyRequest): Promise<{ cookie: string; idToken?: string }> {
    const cookie = setCookie('monscale', '', isSecure(request.raw, this.config.publicUrl), 0);
    const token = this.tokenIn(request);
    if (token === undefined) return { cookie };
    const row = await this.database.transaction(async (sql) => {
      const [ended] = await sql.rows<{ id_token: Buffer | null }>(
        'DELETE FROM sessions WHERE token_hash = $1 RETURNING id_token',
        [hashOf(token)],
      );
      const { userId: id, actor: name } = currentCaller() ?? {};
      if (ended !== undefined)
        await recordAudit(sql, [{ action: 'sign_out', object: { type: 'user', id, name } }]);
      return ended;
    });
    return row?.id_token == null ? { cookie } : { cookie, idToken: opened(token, row.id_token) };
  }

  /** Returns a page of live sessions, the newest first. @param userId whose; undefined for all */
  async list(
    userId: string | undefined,
    query: SessionsQuery,
    current: string | undefined,
  ): Promise<Page<ShownSession>> {
    const parameters = new Parameters();
    const whose = userId === undefined ? [] : [`s.user_id = ${parameters.add(userId)}`];
    const where = [LIVES, ...whose, ...conditionsOf(query, parameters.add)];
    const page = await readPage<Omit<ShownSession, 'current'>>(
      this.database,
      {
        select: () => SHOWN,
        from: 'sessions s JOIN users u ON u.id = s.user_id',
        id: 's.id',
        where,
        parameters,
      },
      pageIn(query, NEWEST_FIRST),
    );
    return { ...page, items: page.items.map((item) => ({ ...item, current: item.id === current })) };
  }

  /** Ends a session by its id. @param userId whose; undefined for anybody's @returns false when there is none */
  endById(id: string, userId: string | undefined): Promise<boolean> {
    return this.database.transaction(async (sql) => {
      const [ended] = await sql.rows<{ user: string }>(
        `DELETE FROM sessions WHERE id = $1 AND ($2::uuid IS NULL OR user_id = $2)
         RETURNING (SELECT name FROM users u WHERE u.id = user_id) AS user`,
        [id, userId ?? null],
      );
      if (ended === undefined) return false;
      await recordAudit(sql, [
        { action: 'delete', object: { type: 'session', id }, detail: { of: ended.user } },
      ]);
      return true;
    });
  }

  /** Deletes sessions that are over, and notes of changed rights that every process has read. */
  async sweep(): Promise<void> {
    await this.database.rows(`DELETE FROM rights_changes WHERE at < now() - interval '1 day'`);
    await this.database.rows(
      `DELETE FROM sessions WHERE last_used_at <= now() - ${IDLE} OR expires_at <= now()`,
    );
  }

  /** Writes the last use, once a minute at most. A session is good also where that fails. */
  private async noteUse(id: string): Promise<void> {
    try {
      await this.uses.add(id);
    } catch (error) {
      this.logger.warn(`can't note the use of a session: ${messageOf(error)}`);
    }
  }

  private async writeUses(ids: readonly string[]): Promise<void[]> {
    await this.database.rows(
      `UPDATE sessions SET last_used_at = now() WHERE id = ANY($1::uuid[]) AND last_used_at < now() - interval '1 minute'`,
      [ids],
    );
    return ids.map(() => undefined);
  }

  private async find(hashes: readonly Buffer[]): Promise<(SessionRow | undefined)[]> {
    const rows = await FIND_SESSIONS.rows(this.database.keyed, [hashes]);
    const byHash = new Map(rows.map((row) => [row.hash.toString('latin1'), row]));
    return hashes.map((hash) => byHash.get(hash.toString('latin1')));
  }
}

/** Writes down who signed in. They are not the caller yet. */
async function noteBegin(
  sql: Sql,
  by: { userId: string; credentialId: string; address: string },
  way: string,
): Promise<void> {
  const [user] = await sql.rows<{ name: string }>('SELECT name FROM users WHERE id = $1', [by.userId]);
  const { name } = user!;
  const caller = { actor: name, via: 'session', ...by } as const;
  const action = way === 'setup' ? 'setup' : 'sign_in';
  await recordAudit(sql, [
    { action, object: { type: 'user', id: by.userId, name }, detail: { way }, caller },
  ]);
}

/** Returns the key of what is encrypted for a session: who reads the database has the token's hash alone. */
const keyOf = (token: string): Buffer => Buffer.from(hkdfSync('sha256', token, '', 'monscale id token', 32));

function sealed(token: string, text: string): Buffer {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, keyOf(token), iv);
  const encrypted = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), encrypted]);
}

function opened(token: string, bytes: Buffer): string {
  const tagEnd = IV_BYTES + TAG_BYTES;
  const decipher = createDecipheriv(CIPHER, keyOf(token), bytes.subarray(0, IV_BYTES));
  decipher.setAuthTag(bytes.subarray(IV_BYTES, tagEnd));
  return Buffer.concat([decipher.update(bytes.subarray(tagEnd)), decipher.final()]).toString('utf8');
}
