import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { clientAddress } from '../auth/client-address';
import { TooManyRequests, Unauthorized, Unavailable } from '../common/errors';
import { telemetry } from '../common/telemetry';
import { Audit } from '../database/audit';
import { Database } from '../database/database';
import { assertRoom, hashPassword, isOutdated, verifyPassword } from './passwords';
import { SignInLimits } from './sign-in-limits';
import { UserSessions } from './user-sessions';

/** Time that a refusal is held back, and most of them that are at a time; others are answered at once. */
const HELD_BACK_MS = 2_000;
const HELD_BACK_AT_MOST = 500;

interface UserRow {
  id: string;
  password_hash: string | null;
  disabled: boolean;
}

/** User who has signed in, and the header with the cookie. */
export interface SignedIn {
  userId: string;
  cookie: string;
}

/** Signing in by name and password. No answer, and no time that it takes, tells whether a name exists. */
@Injectable()
export class SignIn {
  private readonly logger = new Logger('SignIn');
  private heldBack = 0;

  constructor(
    private readonly database: Database,
    private readonly limits: SignInLimits,
    private readonly sessions: UserSessions,
    private readonly audit: Audit,
  ) {}

  /**
   * @throws Unauthorized when name or password are wrong, or the user is disabled
   * @throws TooManyRequests, Unavailable
   */
  async byPassword(name: string, password: string, request: FastifyRequest): Promise<SignedIn> {
    try {
      const signedIn = await this.attempt(name, password, request);
      telemetry.signIns.inc({ way: 'password', outcome: 'right' });
      this.logger.log(`${name} signed in from ${clientAddress(request.raw)}`);
      return signedIn;
    } catch (error) {
      const outcome =
        error instanceof Unauthorized ? 'wrong' : error instanceof TooManyRequests ? 'locked' : 'failed';
      telemetry.signIns.inc({ way: 'password', outcome });
      if (error instanceof TooManyRequests || error instanceof Unavailable) await this.holdBack();
      throw error;
    }
  }

  /** Waits before a refusal, so that who sends the next guess after it sends it later. */
  private async holdBack(): Promise<void> {
    if (this.heldBack >= HELD_BACK_AT_MOST) return;
    this.heldBack += 1;
    await sleep(HELD_BACK_MS);
    this.heldBack -= 1;
  }

  private async attempt(name: string, password: string, request: FastifyRequest): Promise<SignedIn> {
    const keys = this.limits.keysOf(name, clientAddress(request.raw));
    // What is refused in masses is refused before PostgreSQL is asked.
    assertRoom();
    await this.limits.check(keys);
    const [user] = await this.database.rows<UserRow>(
      'SELECT id, password_hash, disabled FROM users WHERE name = $1',
      [name],
    );
    const stored = user?.password_hash ?? undefined;
    let isHeld = false;
    try {
      const isRight = await verifyPassword(password, stored, async () => {
        await this.limits.begin(keys);
        isHeld = true;
      });
      const cookie =
        isRight && user?.disabled === false ? await this.begin(user, stored!, password, request) : undefined;
      isHeld = false;
      if (cookie === undefined) {
        await this.limits.failed(keys);
        this.noteFailure(user === undefined ? undefined : { id: user.id, name }, request);
        throw new Unauthorized('the username or the password is wrong');
      }
      await this.limits.succeeded(keys);
      return { userId: user!.id, cookie };
    } finally {
      // Where this fails as well, the place comes free by itself.
      if (isHeld) await this.limits.release(keys).catch(() => undefined);
    }
  }

  /** Writes a failure down. An unknown name is left out: people type passwords there. Nobody waits for it. */
  private noteFailure(user: { id: string; name: string } | undefined, request: FastifyRequest): void {
    const caller = { actor: 'nobody', via: 'anonymous', address: clientAddress(request.raw) } as const;
    const detail = { way: 'password' };
    void this.audit.note({
      action: 'sign_in',
      object: { type: 'user', ...user },
      outcome: 'failed',
      detail,
      caller,
    });
  }

  /** Begins a session unless the user was changed while the password was checked. */
  private async begin(
    { id }: UserRow,
    stored: string,
    password: string,
    request: FastifyRequest,
  ): Promise<string | undefined> {
    const hash = isOutdated(stored) ? await this.madeAnew(password, stored) : stored;
    return this.database.transaction(async (sql) => {
      const changed = await sql.rows(
        `UPDATE users SET last_sign_in_at = now(), password_hash = $3
         WHERE id = $1 AND password_hash = $2 AND NOT disabled RETURNING id`,
        [id, stored, hash],
      );
      return changed.length === 0 ? undefined : this.sessions.begin(sql, id, request, 'password');
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
