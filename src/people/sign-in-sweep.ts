import { Injectable } from '@nestjs/common';
import { Recurring } from '../common/periodic';
import { OidcUsers } from './oidc-users';
import { SignInLimits } from './sign-in-limits';
import { UserSessions } from './user-sessions';

const EVERY_MS = 5 * 60_000;

/** Deletes sessions that are over, limits that say nothing any more, and groups that count no longer. */
@Injectable()
export class SignInSweep extends Recurring {
  constructor(
    private readonly sessions: UserSessions,
    private readonly limits: SignInLimits,
    private readonly oidcUsers: OidcUsers,
  ) {
    super(EVERY_MS);
  }

  override async round(): Promise<void> {
    await this.sessions.sweep();
    await this.limits.sweep();
    await this.oidcUsers.sweep();
  }
}
