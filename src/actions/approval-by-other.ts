import { currentCaller, type Caller } from '../common/caller';
import { Forbidden } from '../common/errors';
import type { Sql } from '../database/sql-pool';

/** Author of the newest version of the service of an execution. */
interface Author {
  service: string;
  isAsked: boolean;
  actor: string | null;
  userId: string | null;
}

/**
 * Checks that an execution is approved by somebody else than who last changed its service, where the service asks for
 * that. A token is its maker; a link does not say who uses it.
 *
 * @throws Forbidden
 */
export async function assertOther(sql: Sql, execution: string): Promise<void> {
  const caller = currentCaller();
  if (caller === undefined) return;
  const [author] = await sql.rows<Author & Record<string, unknown>>(
    `SELECT s.name AS service, s.approval_by_other AS "isAsked", v.actor, v.user_id AS "userId"
     FROM executions e JOIN services s ON s.id = e.service_id
       LEFT JOIN LATERAL (SELECT actor, user_id FROM definition_versions WHERE definition_id = s.id
         ORDER BY version DESC LIMIT 1) v ON true
     WHERE e.id = $1`,
    [execution],
  );
  if (author?.isAsked !== true) return;
  if (caller.via === 'link')
    throw new Forbidden(
      `service ${author.service} asks for another's approval: sign in, a link does not say who you are`,
    );
  if (isSame(caller, author))
    throw new Forbidden(`you last changed service ${author.service}, and it asks for another's approval`);
}

/** Tells whether a caller is the author; who made what nobody wrote down can't be told. */
export const isSame = (
  { userId, actor }: Pick<Caller, 'userId' | 'actor'>,
  author: Pick<Author, 'actor' | 'userId'>,
): boolean =>
  userId === undefined ? author.userId === null && author.actor === actor : author.userId === userId;
