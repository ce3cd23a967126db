import type { Role } from '../config/config';

export type Check = { status: 'up' } | { status: 'down'; error: string };
export type Checks = Record<string, Check>;
export type State = 'up' | 'degraded' | 'down';

/** Checks that each role needs: all those in one of the rows. */
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

/** Roles that others send to: a process with one must stay reachable as long as it accepts what is sent. */
const ACCEPTING: readonly Role[] = ['api', 'trap'];

/**
 * Returns the state of a process. `down` when a role can't do its work; in a process that others send to, only the
 * accepting roles count. `degraded` when they can, but some check fails.
 */
export function stateOf(roles: readonly Role[], checks: Checks): State {
  const isUp = (name: string) => checks[name]?.status === 'up';
  const isAble = (role: Role) => NEEDS[role].some((needs) => needs.every(isUp));
  const accepting = roles.filter((role) => ACCEPTING.includes(role));
  const deciding = accepting.length > 0 ? accepting : roles;
  if (!deciding.every(isAble)) return 'down';
  return Object.keys(checks).every(isUp) ? 'up' : 'degraded';
}
