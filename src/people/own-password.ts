import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { currentCaller } from '../common/caller';
import { Conflict, Forbidden, InvalidInput, Unauthorized } from '../common/errors';
import { recordAudit } from '../database/audit';
import { Database } from '../database/database';
import { endOtherSessions } from './end-sessions';
import { PasswordCheck, type KnownUser } from './password-check';
import { hashPassword } from './passwords';

const ACTION = 'change_password';

/** Change of one's own password. All other sessions end. */
@Injectable()
export class OwnPassword {
  constructor(
    private readonly database: Database,
    private readonly passwords: PasswordCheck,
  ) {}

  /**
   * @param now the present password: who finds a browser open does not get to keep the account
   * @throws Forbidden for tokens, Conflict for users without a password
   * @throws InvalidInput when the present password is wrong, or the next one is the same
   * @throws TooManyRequests, Unavailable
   */
  async change(now: string, next: string, request: FastifyRequest): Promise<void> {
    const { via, userId } = currentCaller()!;
    if (via !== 'session' || userId === undefined)
      throw new Forbidden('only who is signed in has a password to change');
    const [user] = await this.database.rows<{ name: string; has: boolean }>(
      'SELECT name, password_hash IS NOT NULL AS has FROM users WHERE id = $1',
      [userId],
    );
    if (user?.has !== true)
      throw new Conflict(
        'you have no password: you sign in by a provider, or an administrator gives you one',
      );
    if (next === now)
      throw new InvalidInput([{ pointer: '/newPassword', detail: 'must be another than the present one' }]);
    try {
      await this.passwords.byName(user.name, now, request, { action: ACTION }, (known) =>
        this.write(known, user.name, next),
      );
    } catch (error) {
      // Not 401: the session is good.
      if (!(error instanceof Unauthorized)) throw error;
      throw new InvalidInput([{ pointer: '/password', detail: 'is not your present password' }]);
    }
  }

  /** Writes the next password unless the user was changed meanwhile. */
  private async write({ id, stored }: KnownUser, name: string, next: string): Promise<true | undefined> {
    const hash = await hashPassword(next);
    return this.database.transaction(async (sql) => {
      const changed = await sql.rows(
        `UPDATE users SET password_hash = $3, version = version + 1, updated_at = now()
         WHERE id = $1 AND password_hash = $2 AND NOT disabled RETURNING id`,
        [id, stored, hash],
      );
      if (changed.length === 0) return undefined;
      await endOtherSessions((text, values) => sql.rows(text, values), id);
      await recordAudit(sql, [{ action: ACTION, object: { type: 'user', id, name } }]);
      return true;
    });
  }
}
