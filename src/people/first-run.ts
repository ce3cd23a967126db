import { setTimeout as sleep } from 'node:timers/promises';
import {
  Inject,
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { hashOf } from '../auth/identities';
import { Conflict, Forbidden } from '../common/errors';
import { newId } from '../common/ids';
import { CONFIG, type Config } from '../config/config';
import { Database } from '../database/database';
import { hashPassword } from './passwords';
import type { SignedIn } from './sign-in';
import { UserSessions } from './user-sessions';

const AGAIN_MS = 2_000;
/** Key of the advisory lock (an arbitrary number) under which the first user is made. */
const LOCK = 0x73657475;
/** Most tokens that are kept, each of one start. */
const TOKENS_AT_MOST = 100;
const NOBODY = 'NOT EXISTS (SELECT FROM users)';
const IS_GOOD = `${NOBODY} AND EXISTS (SELECT FROM setup_tokens WHERE token_hash = $1)`;

/**
 * First run: while there is no user, whoever has the setup URL of any start makes the first one, an administrator.
 * Each program makes a token at its start; only hashes are stored, and they go when there is a user.
 */
@Injectable()
export class FirstRun implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('FirstRun');
  private readonly stop = new AbortController();
  private tell!: (isNeeded: boolean) => void;
  /** Whether the setup URL should be shown; known once PostgreSQL has answered. */
  readonly needed = new Promise<boolean>((resolve) => (this.tell = resolve));

  constructor(
    private readonly database: Database,
    private readonly sessions: UserSessions,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  onApplicationBootstrap(): void {
    void this.announce();
  }

  beforeApplicationShutdown(): void {
    this.stop.abort();
  }

  private async announce(): Promise<void> {
    const { signal } = this.stop;
    while (!signal.aborted) {
      try {
        return this.tell(await this.register());
      } catch {
        // Readiness says that PostgreSQL is away.
        await sleep(AGAIN_MS, undefined, { signal, ref: false }).catch(() => undefined);
      }
    }
  }

  /** Makes the token of this start good. @returns whether it is of any use */
  private async register(): Promise<boolean> {
    const { setupToken } = this.config;
    if (setupToken === undefined || !(await this.isNeeded())) return false;
    await this.database.rows(
      `INSERT INTO setup_tokens SELECT $1, now() WHERE ${NOBODY} ON CONFLICT DO NOTHING`,
      [hashOf(setupToken)],
    );
    await this.database.rows(
      `DELETE FROM setup_tokens WHERE token_hash IN
         (SELECT token_hash FROM setup_tokens ORDER BY created_at DESC OFFSET $1)`,
      [TOKENS_AT_MOST],
    );
    return true;
  }

  async isNeeded(): Promise<boolean> {
    const [row] = await this.database.rows<{ needed: boolean }>(`SELECT ${NOBODY} AS needed`);
    return row!.needed;
  }

  /**
   * Makes the first user, who may do everything, and signs them in.
   *
   * @throws Conflict when there is a user
   * @throws Forbidden when the token is not known
   */
  async setUp(token: string, name: string, password: string, request: FastifyRequest): Promise<SignedIn> {
    const hash = hashOf(token);
    // Before a password is hashed, which costs more than anybody should be able to ask for.
    await this.assertGood(hash);
    const passwordHash = await hashPassword(password);
    const userId = newId();
    const cookie = await this.database.transaction(async (sql) => {
      await sql.rows('SELECT pg_advisory_xact_lock($1)', [LOCK]);
      // What is waited for above is seen by the statements that follow.
      const made = await sql.rows(
        `INSERT INTO users (id, name, version, created_at, updated_at, display_name, groups, disabled, password_hash,
           last_sign_in_at)
         SELECT $2, $3, 1, now(), now(), '', '{}', false, $4, now() WHERE ${IS_GOOD} RETURNING id`,
        [hash, userId, name, passwordHash],
      );
      if (made.length === 0) return undefined;
      await sql.rows(
        `INSERT INTO grants (id, version, created_at, updated_at, user_id, anonymous, role, approve)
         VALUES ($1, 1, now(), now(), $2, false, 'admin', true)`,
        [newId(), userId],
      );
      await sql.rows('DELETE FROM setup_tokens');
      return this.sessions.begin(sql, userId, request, 'setup');
    });
    if (cookie === undefined) {
      await this.assertGood(hash);
      throw new Forbidden(UNKNOWN);
    }
    this.logger.log(`the first user is made: ${name}, an administrator`);
    return { userId, cookie };
  }

  private async assertGood(hash: Buffer): Promise<void> {
    const [row] = await this.database.rows<{ needed: boolean; good: boolean }>(
      `SELECT ${NOBODY} AS needed, ${IS_GOOD} AS good`,
      [hash],
    );
    if (!row!.needed) throw new Conflict('the setup is done: there are users; sign in');
    if (!row!.good) throw new Forbidden(UNKNOWN);
  }
}

const UNKNOWN = 'this setup token is not known; open the URL that the program shows at its start';
