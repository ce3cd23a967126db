import { currentCaller } from '../common/caller';
import type { Ask } from './administrators';

/** Ends the sessions of a user whose password is changed, but for the one that changes it. */
export async function endOtherSessions(ask: Ask, userId: string): Promise<void> {
  const caller = currentCaller();
  const own = caller?.via === 'session' ? caller.credentialId : undefined;
  await ask('DELETE FROM sessions WHERE user_id = $1 AND id IS DISTINCT FROM $2::uuid', [
    userId,
    own ?? null,
  ]);
}
