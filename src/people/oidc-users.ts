import { Inject, Injectable } from '@nestjs/common';
import { Forbidden } from '../common/errors';
import { isId, newId } from '../common/ids';
import { storable } from '../common/json';
import { composed, NAME, UNSEEN } from '../common/names';
import { CONFIG, type Config } from '../config/config';
import { recordAudit } from '../database/audit';
import { Database } from '../database/database';
import type { Sql } from '../database/sql-pool';

/** What a provider says about somebody. */
export interface Account {
  issuer: string;
  subject: string;
  /** Names that would do, the best first. */
  names: string[];
  displayName: string;
  email?: string;
  groups: string[];
}

/** Names that are tried with a number behind them, before one with an id. */
const NAMES_AT_MOST = 50;
const NAME_CHARACTERS = 150;

/** Users of the provider: linked by issuer and subject alone, as names and e-mail addresses change their owners. */
@Injectable()
export class OidcUsers {
  constructor(
    private readonly database: Database,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * Returns the user of an account, made at the first time, and notes the sign-in.
   *
   * @throws Forbidden when the user is disabled
   */
  async signedIn(sql: Sql, account: Account): Promise<{ id: string; name: string }> {
    const { id, disabled, name } = (await this.find(sql, account)) ?? (await this.make(sql, account));
    if (disabled) throw new Forbidden('this user is disabled');
    await sql.rows('UPDATE users SET last_sign_in_at = now(), oidc_groups = $2 WHERE id = $1', [
      id,
      this.config.oidc?.roleSource === 'idp' ? account.groups : null,
    ]);
    return { id, name };
  }

  private async find(sql: Sql, { issuer, subject }: Account): Promise<UserRow | undefined> {
    const [row] = await sql.rows<UserRow>(
      'SELECT id, name, disabled FROM users WHERE oidc_issuer = $1 AND oidc_subject = $2 FOR UPDATE',
      [issuer, subject],
    );
    return row;
  }

  private async make(sql: Sql, account: Account): Promise<UserRow> {
    const { issuer, subject, displayName, email = null } = account;
    const base = nameOf(account.names);
    for (let number = 1; ; number++) {
      const id = newId();
      const name = number === 1 ? base : `${base}-${number > NAMES_AT_MOST ? id.slice(-12) : number}`;
      const [row] = await sql.rows<UserRow>(
        `INSERT INTO users (id, name, version, created_at, updated_at, display_name, email, groups, disabled,
           oidc_issuer, oidc_subject)
         VALUES ($1, $2, 1, now(), now(), $3, $4, '{}', false, $5, $6)
         ON CONFLICT DO NOTHING RETURNING id, name, disabled`,
        [id, name, displayName, email, issuer, subject],
      );
      // Another sign-in of the same account may have made it meanwhile.
      const made = row ?? (await this.find(sql, account));
      if (row !== undefined)
        await recordAudit(sql, [
          { action: 'create', object: { type: 'user', id, name }, detail: { way: 'provider' } },
        ]);
      if (made !== undefined) return made;
    }
  }

  /** Forgets the groups that a provider named once no provider decides about groups any more. */
  async sweep(): Promise<void> {
    if (this.config.oidc?.roleSource === 'idp') return;
    await this.database.rows('UPDATE users SET oidc_groups = NULL WHERE oidc_groups IS NOT NULL');
  }
}

interface UserRow {
  id: string;
  name: string;
  disabled: boolean;
}

/** Returns a name as users have it, made of what a provider calls somebody. */
function nameOf(names: readonly string[]): string {
  for (const name of names) {
    const fit = composed(storable(name))
      .replace(UNSEEN, '')
      .replace(/[\p{Cc}/]+/gu, '-')
      .slice(0, NAME_CHARACTERS)
      .trim();
    if (NAME.pattern.test(fit) && !isId(fit)) return fit;
  }
  return 'user';
}
