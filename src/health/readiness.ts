import type { Role } from '../config/config';

export type Check = { status: 'up' } | { status: 'down'; error: string };
export type Checks = Record<string, Check>;
export type State = 'up' | 'degraded' | 'down';

/** What each role does its work with: everything in one of the rows. */
const NEEDS: Record<Role, string[][]> = {
  // Alerts are in PostgreSQL before they are answered; what Redis would carry, sweeps put there when it is back.
  api: [['database', 'clock']],
  // While PostgreSQL is away, notifications are kept on disk, once it is known whose are taken.
  trap: [
    ['database', 'clock'],
    ['spool', 'sources', 'clock'],
  ],
  worker: [['database', 'clock', 'redis']],
  scheduler: [['database', 'clock', 'redis', 'scheduler', 'polls']],
};

/** Others send to these: a process that has one is to stay in reach as long as it takes what is sent. */
const ACCEPTING: readonly Role[] = ['api', 'trap'];

/**
 * `down` when a role can't do its work: of a process that others send to, a role that takes what they send. `degraded` when
 * it can, and something is not as it should be.
 */
export function stateOf(roles: readonly Role[], checks: Checks): State {
  const isUp = (name: string) => checks[name]?.status === 'up';
  const isAble = (role: Role) => NEEDS[role].some((needs) => needs.every(isUp));
  const accepting = roles.filter((role) => ACCEPTING.includes(role));
  const deciding = accepting.length > 0 ? accepting : roles;
  if (!deciding.every(isAble)) return 'down';
  return Object.keys(checks).every(isUp) ? 'up' : 'degraded';
}
