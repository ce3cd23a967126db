import { Injectable, Logger } from '@nestjs/common';
import { Batcher } from '../common/batcher';
import { intersection, type Caller, type Role, type Scope } from '../common/caller';
import { messageOf, Unauthorized } from '../common/errors';
import { Database } from '../database/database';
import { Statement } from '../database/statement';
import { GRANTS_OF_TOKEN, GRANTS_OF_USER, type GrantsColumn } from './grants-sql';

/** Beginning of each API token, by which people and scanners of secrets know it. */
export const TOKEN_PREFIX = 'msc_';

interface TokenRow {
  hash: Buffer;
  id: string;
  name: string;
  userId: string | null;
  maker: string | null;
  role: Role | null;
  approve: boolean;
  scope: Scope | null;
  given: GrantsColumn;
  ofMaker: GrantsColumn;
  isDisabled: boolean;
  isExpired: boolean;
  expiresAt: Date;
  /** Whether its last use was shown more than a minute ago. */
  isStale: boolean;
}

/** Finds API tokens by their hashes, with what they and their makers may. */
const FIND_TOKENS = new Statement<TokenRow>(
  'auth_api_tokens',
  `SELECT t.token_hash AS hash, t.id, t.name, t.user_id AS "userId", u.name AS maker, t.role, t.approve, t.scope,
     ${GRANTS_OF_TOKEN} AS given, ${GRANTS_OF_USER} AS "ofMaker", coalesce(u.disabled, false) AS "isDisabled",
     t.expires_at <= now() AS "isExpired", t.expires_at AS "expiresAt",
     coalesce(t.last_used_at < now() - interval '1 minute', true) AS "isStale"
   FROM api_tokens t LEFT JOIN users u ON u.id = t.user_id WHERE t.token_hash = ANY($1::bytea[])`,
  'by keys',
);

/** Notes the use of API tokens, once a minute. */
const NOTE_USES = new Statement(
  'auth_token_uses',
  `UPDATE api_tokens SET last_used_at = now()
   WHERE id = ANY($1::uuid[]) AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')`,
  'by keys',
);

/** API tokens as they are used. Lookups are batched, so that concurrent requests share one statement. */
@Injectable()
export class ApiTokens {
  private readonly logger = new Logger('Tokens');
  private readonly lookups = new Batcher((hashes: Buffer[]) => this.find(hashes));
  /** Ids of tokens whose use is being written. */
  private readonly used = new Set<string>();
  private readonly uses = new Batcher((ids: string[]) => this.writeUses(ids));

  constructor(private readonly database: Database) {}

  /**
   * Returns who uses a token; undefined when it is not known. What it may is what its maker may as well, now.
   *
   * @throws Unauthorized when it has expired, or its maker is disabled
   */
  async callerOf(hash: Buffer, address: string): Promise<Caller | undefined> {
    const row = await this.lookups.add(hash);
    if (row === undefined) return undefined;
    if (row.isExpired) throw new Unauthorized(`this token expired at ${row.expiresAt.toISOString()}`);
    if (row.isDisabled) throw new Unauthorized('this token is void: its maker is disabled');
    if (row.isStale) this.noteUse(row.id);
    const { id, name, userId, maker, role, approve, scope, given, ofMaker } = row;
    const own = [{ role, approve, scope }, ...given];
    return {
      actor: `token ${name} of ${maker ?? 'the administrator'}`,
      via: 'token',
      address,
      ...(userId === null ? {} : { userId }),
      credentialId: id,
      // What the built-in administrator made is bounded by nothing.
      grants: userId === null ? own : intersection(own, ofMaker),
    };
  }

  private noteUse(id: string): void {
    if (this.used.has(id)) return;
    this.used.add(id);
    this.uses
      .add(id)
      .catch((error: unknown) => this.logger.warn(`can't note the use of a token: ${messageOf(error)}`))
      .finally(() => this.used.delete(id));
  }

  private async find(hashes: readonly Buffer[]): Promise<(TokenRow | undefined)[]> {
    const rows = await FIND_TOKENS.rows(this.database.keyed, [hashes]);
    const byHash = new Map(rows.map((row) => [row.hash.toString('latin1'), row]));
    return hashes.map((hash) => byHash.get(hash.toString('latin1')));
  }

  private async writeUses(ids: readonly string[]): Promise<void[]> {
    await NOTE_USES.rows(this.database.keyed, [ids]);
    return ids.map(() => undefined);
  }
}
