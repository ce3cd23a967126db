import { Injectable } from '@nestjs/common';
import { GRANTS_OF_USER, type GrantsColumn } from '../auth/grants-sql';
import { ROLES, type Caller, type Grant, type Role } from '../common/caller';
import { Unauthorized } from '../common/errors';
import { Database } from '../database/database';
import { flag, labels, list, object, oneOf, orNull, shape, text } from '../common/shapes';

interface ShownUser {
  name: string;
  displayName?: string;
  groups: string[];
}

/** Who somebody is, and what they may. */
export interface Shown {
  user: ShownUser;
  rights: {
    /** Highest role of any grant; null without one. */
    role: Role | null;
    approve: boolean;
    grants: { role: Role | null; approve: boolean; scope?: { labels: Record<string, string> } }[];
  };
}

const SCOPE = object({ labels });
export const WHOAMI = shape(
  'Whoami',
  object({
    user: object({ name: text, groups: list(text) }, { displayName: text }),
    rights: object({
      role: orNull(oneOf(ROLES)),
      approve: flag,
      grants: list(object({ role: orNull(oneOf(ROLES)), approve: flag }, { scope: SCOPE })),
    }),
  }),
);

interface UserRow {
  name: string;
  displayName: string;
  groups: string[];
  grants: GrantsColumn;
}

/** Answers who a caller is. */
@Injectable()
export class Whoami {
  constructor(private readonly database: Database) {}

  /** Returns the person of a session; of a token its maker, with the rights of the token. */
  async of(caller: Caller): Promise<Shown> {
    const user = caller.userId === undefined ? undefined : await this.find(caller.userId);
    const shown = user === undefined ? { name: caller.actor, groups: [] } : shownUser(user);
    return { user: shown, rights: rightsOf(caller.grants) };
  }

  /** @throws Unauthorized when the user is gone */
  async ofUser(id: string): Promise<Shown> {
    const user = await this.find(id);
    if (user === undefined) throw new Unauthorized('this user is not known any more');
    return { user: shownUser(user), rights: rightsOf(user.grants) };
  }

  private async find(id: string): Promise<UserRow | undefined> {
    const [row] = await this.database.rows<UserRow>(
      `SELECT u.name, u.display_name AS "displayName", u.groups || coalesce(u.oidc_groups, '{}') AS groups,
         ${GRANTS_OF_USER} AS grants
       FROM users u WHERE u.id = $1`,
      [id],
    );
    return row;
  }
}

const shownUser = ({ name, displayName, groups }: UserRow): ShownUser => ({
  name,
  ...(displayName === '' ? {} : { displayName }),
  groups: [...new Set(groups)],
});

const rightsOf = (grants: readonly Grant[]): Shown['rights'] => ({
  role: ROLES.findLast((role) => grants.some((grant) => grant.role === role)) ?? null,
  approve: grants.some(({ approve }) => approve),
  grants: grants.map(({ role, approve, scope }) => ({
    role,
    approve,
    ...(scope === null ? {} : { scope: { labels: { ...scope } } }),
  })),
});
