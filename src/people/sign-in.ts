import { Injectable, Logger } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { clientAddress } from '../auth/client-address';
import { TooManyRequests, Unauthorized, Unavailable } from '../common/errors';
import { telemetry } from '../common/telemetry';
import { Database } from '../database/database';
import { PasswordCheck, type KnownUser } from './password-check';
import { hashPassword, isOutdated } from './passwords';
import { UserSessions } from './user-sessions';

/** User who has signed in, and the header with the cookie. */
export interface SignedIn {
  userId: string;
  cookie: string;
}

/** Signing in by name and password. */
@Injectable()
export class SignIn {
  private readonly logger = new Logger('SignIn');

  constructor(
    private readonly database: Database,
    private readonly passwords: PasswordCheck,
    private readonly sessions: UserSessions,
  ) {}

  /**
   * @throws Unauthorized when name or password are wrong, or the user is disabled
   * @throws TooManyRequests, Unavailable
   */
  async byPassword(name: string, password: string, request: FastifyRequest): Promise<SignedIn> {
    const address = clientAddress(request.raw);
    const failure = { action: 'sign_in', caller: { actor: 'nobody', via: 'anonymous', address } } as const;
    try {
      const signedIn = await this.passwords.byName(name, password, request, failure, (user) =>
        this.begin(user, password, request),
      );
      telemetry.signIns.inc({ way: 'password', outcome: 'right' });
      this.logger.log(`${name} signed in from ${address}`);
      return signedIn;
    } catch (error) {
      countFailure(error);
      throw error;
    }
  }

  /**
   * Returns what refuses a password that need not be looked at, once it was held back; undefined at once where it must
   * be looked at.
   */
  refusalOf(name: string, request: IncomingMessage): Promise<Error> | undefined {
    const refusal = this.passwords.refusalOf(name, clientAddress(request));
    if (refusal === undefined) return undefined;
    countFailure(refusal);
    return this.passwords.holdBack(refusal);
  }

  /** Begins a session unless the user was changed while the password was checked. */
  private async begin(
    { id, stored }: KnownUser,
    password: string,
    request: FastifyRequest,
  ): Promise<SignedIn | undefined> {
    const hash = isOutdated(stored) ? await this.madeAnew(password, stored) : stored;
    return this.database.transaction(async (sql) => {
      const changed = await sql.rows(
        `UPDATE users SET last_sign_in_at = now(), password_hash = $3
         WHERE id = $1 AND password_hash = $2 AND NOT disabled RETURNING id`,
        [id, stored, hash],
      );
      if (changed.length === 0) return undefined;
      return { userId: id, cookie: await this.sessions.begin(sql, id, request, 'password') };
    });
  }

  /** Returns a hash with the present parameters; the old one where there is no room to compute it now. */
  private madeAnew(password: string, stored: string): Promise<string> {
    return hashPassword(password).catch((error: unknown) => {
      if (error instanceof Unavailable) return stored;
      throw error;
    });
  }
}

function countFailure(error: unknown): void {
  const outcome =
    error instanceof Unauthorized ? 'wrong' : error instanceof TooManyRequests ? 'locked' : 'failed';
  telemetry.signIns.inc({ way: 'password', outcome });
}
