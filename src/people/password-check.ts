import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { clientAddress } from '../auth/client-address';
import { composed } from '../common/names';
import { TooManyRequests, Unauthorized, Unavailable } from '../common/errors';
import { Audit, type AuditEntry } from '../database/audit';
import { Database } from '../database/database';
import { FailingAddresses } from './failing-addresses';
import type { Lane } from './hash-lanes';
import { KnownLocks } from './known-locks';
import { noRoom, verifyPassword } from './passwords';
import { both, Locked, SignInLimits, type Keys } from './sign-in-limits';

/** Time that a refusal is held back, and most of them that are at a time; others are answered at once. */
const HELD_BACK_MS = { from: 1_000, to: 3_000 };
const HELD_BACK_AT_MOST = 500;

interface UserRow {
  id: string;
  password_hash: string | null;
  disabled: boolean;
}

/** User whose password was right, and its hash as it is stored. */
export interface KnownUser {
  id: string;
  stored: string;
}

/** How a wrong password is written down. Whoever signs in is nobody yet. */
type Failure = Pick<AuditEntry, 'action' | 'caller'>;

/** Checks of passwords, with their limits. No answer, and no time that it takes, tells whether a name exists. */
@Injectable()
export class PasswordCheck {
  private heldBack = 0;
  private readonly addresses = new FailingAddresses();
  private readonly locks = new KnownLocks();

  constructor(
    private readonly database: Database,
    private readonly limits: SignInLimits,
    private readonly audit: Audit,
  ) {}

  /**
   * Checks a password, and does what a right one allows.
   *
   * @param use undefined when the user was changed while the password was checked: then it was wrong
   * @throws Unauthorized when name or password are wrong, or the user is disabled
   * @throws TooManyRequests, Unavailable
   */
  async byName<T>(
    name: string,
    password: string,
    request: FastifyRequest,
    failure: Failure,
    use: (user: KnownUser) => Promise<T | undefined>,
  ): Promise<T> {
    const address = clientAddress(request.raw);
    const lane = this.addresses.began(address, performance.now());
    let hasFailed = false;
    try {
      return await this.attempt(
        name,
        password,
        this.limits.keysOf(composed(name), address),
        lane,
        failure,
        use,
      );
    } catch (error) {
      if (error instanceof Locked) this.locks.learn(error.locks, performance.now());
      hasFailed = error instanceof Unauthorized || error instanceof TooManyRequests;
      if (error instanceof TooManyRequests || error instanceof Unavailable) await this.holdBack(error);
      throw error;
    } finally {
      this.addresses.ended(address, hasFailed, performance.now());
    }
  }

  /**
   * Waits before a refusal, so that who sends the next guess after it sends it later. Each waits for another time: else
   * those that came together would be answered together, come together again, and stop all else for as long as they take.
   */
  async holdBack<E extends Error>(refusal: E): Promise<E> {
    if (this.heldBack >= HELD_BACK_AT_MOST) return refusal;
    this.heldBack += 1;
    await sleep(HELD_BACK_MS.from + Math.random() * (HELD_BACK_MS.to - HELD_BACK_MS.from));
    this.heldBack -= 1;
    return refusal;
  }

  /**
   * Returns what refuses a password before it is looked at, as most of a flood are: by a lock that PostgreSQL told of,
   * or as others wait. It asks nobody. Undefined where the password must be looked at.
   */
  refusalOf(name: string, address: string): TooManyRequests | Unavailable | undefined {
    const now = performance.now();
    const refusal = this.unseen(
      this.limits.keysOf(composed(name), address),
      this.addresses.laneOf(address, now),
    );
    if (refusal instanceof TooManyRequests) this.addresses.failed(address, now);
    return refusal;
  }

  private unseen(keys: Keys, lane: Lane): TooManyRequests | Unavailable | undefined {
    const seconds = this.locks.secondsLeft(both(keys), performance.now());
    return seconds > 0 ? new Locked(seconds) : noRoom(lane);
  }

  private async attempt<T>(
    name: string,
    password: string,
    keys: Keys,
    lane: Lane,
    failure: Failure,
    use: (user: KnownUser) => Promise<T | undefined>,
  ): Promise<T> {
    // What is refused in masses is refused before PostgreSQL is asked.
    const refusal = this.unseen(keys, lane);
    if (refusal !== undefined) throw refusal;
    await this.limits.check(keys);
    const [user] = await this.database.rows<UserRow>(
      'SELECT id, password_hash, disabled FROM users WHERE name = $1 OR name = $2 ORDER BY name = $1 DESC LIMIT 1',
      // Names from before they were composed stay as they are.
      [composed(name), name],
    );
    const stored = user?.password_hash ?? undefined;
    let isHeld = false;
    try {
      const isRight = await verifyPassword(password, stored, lane, async () => {
        await this.limits.begin(keys);
        isHeld = true;
      });
      const result =
        isRight && user?.disabled === false ? await use({ id: user.id, stored: stored! }) : undefined;
      isHeld = false;
      if (result === undefined) {
        await this.limits.failed(keys);
        this.noteFailure(failure, user === undefined ? undefined : { id: user.id, name });
        throw new Unauthorized('the username or the password is wrong');
      }
      await this.limits.succeeded(keys);
      return result;
    } finally {
      // Where this fails as well, the place comes free by itself.
      if (isHeld) await this.limits.release(keys).catch(() => undefined);
    }
  }

  /** Writes a failure down. An unknown name is left out: people type passwords there. Nobody waits for it. */
  private noteFailure(failure: Failure, user: { id: string; name: string } | undefined): void {
    const object = { type: 'user', ...user };
    void this.audit.note({ ...failure, object, outcome: 'failed', detail: { way: 'password' } });
  }
}
