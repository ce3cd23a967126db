import { GROUPS_OF_USER } from '../auth/grants-sql';
import { Conflict } from '../common/errors';

/** Runs a statement in the transaction of a change. */
export type Ask = <R extends object>(text: string, values?: unknown[]) => Promise<R[]>;

/**
 * Lock under which users and grants are changed, so that of two administrators who remove each other at once one stays.
 * It is the row that every change of a definition locks.
 */
const LOCK = 'SELECT FROM definition_revision FOR UPDATE';

/** Whether there is an administrator: a user who is not disabled and has the role, also by a group, without a scope. */
const EXISTS = `SELECT EXISTS (SELECT FROM users u JOIN grants g ON g.user_id = u.id OR g.group_name = ANY(${GROUPS_OF_USER})
  WHERE NOT u.disabled AND g.role = 'admin' AND g.scope IS NULL AND u.id IS DISTINCT FROM $1::uuid) AS exists`;

/**
 * Runs a change of users or grants in its transaction, unless it leaves nobody who could undo it.
 *
 * @throws Conflict when it would remove, disable or demote the last administrator
 */
export async function keepingAdministrator<T>(ask: Ask, work: () => Promise<T>): Promise<T> {
  await ask(LOCK);
  const had = await exists(ask);
  const result = await work();
  if (had && !(await exists(ask))) throw none();
  return result;
}

/**
 * Checks, in the transaction that deletes a user, that another administrator stays.
 *
 * @throws Conflict
 */
export async function assertAnotherAdministrator(ask: Ask, userId: string): Promise<void> {
  await ask(LOCK);
  if ((await exists(ask)) && !(await exists(ask, userId))) throw none();
}

const none = (): Conflict =>
  new Conflict(
    'this would leave no administrator: make another user one first, by a grant of the role admin without a scope',
  );

/** @param without id of a user who does not count */
async function exists(ask: Ask, without: string | null = null): Promise<boolean> {
  const [row] = await ask<{ exists: boolean }>(EXISTS, [without]);
  return row!.exists;
}
