/** Grants as they are read: in the statement that finds who has them, so that what is revoked is revoked at once. */
import type { Grant } from '../common/caller';

/**
 * SQL: groups of a user `u`. Of a user of a provider, `oidc_groups` are those that count beside the user's own: null
 * unless the provider says who is in which.
 */
export const GROUPS_OF_USER = `(u.groups || coalesce(u.oidc_groups, '{}'))`;

/** SQL: grants that fit a condition, as a JSON list of `Grant`. */
const grantsWhere = (condition: string): string =>
  `(SELECT coalesce(jsonb_agg(jsonb_build_object('role', g.role, 'approve', g.approve, 'scope', g.scope)), '[]')
    FROM grants g WHERE ${condition})`;

/** SQL: grants of a user `u` and of the user's groups. */
export const GRANTS_OF_USER = grantsWhere(`g.user_id = u.id OR g.group_name = ANY(${GROUPS_OF_USER})`);

/** SQL: grants of an API token `t`. */
export const GRANTS_OF_TOKEN = grantsWhere('g.token_id = t.id');

/** SQL: grants of whoever sends no credentials. */
export const GRANTS_OF_NOBODY = grantsWhere('g.anonymous');

/** Columns of GRANTS_OF_… as they arrive. */
export type GrantsColumn = Grant[];
