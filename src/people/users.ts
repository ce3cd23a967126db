import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { DEFINITION_ORDERS, Filter, IsTrue, Search, searchedIn, SortBy } from '../api/filters';
import { PageQuery } from '../api/page-query';
import { StoredDefinitions, type Draft, type References, type Surroundings } from '../api/stored-definitions';
import { CLOCK, type Clock } from '../common/clock';
import { checked } from '../common/check';
import { InvalidInput, type FieldError } from '../common/errors';
import { Any, Flag, Text, TextList } from '../common/fields';
import { isObject } from '../common/json';
import { composed, NAME_OF_PERSON } from '../common/names';
import { Secrets } from '../common/secrets';
import { Database } from '../database/database';
import { DefinitionStore, type Columns } from '../database/definitions';
import { UserRow } from '../database/entities';
import { assertAnotherAdministrator, keepingAdministrator, type Ask } from './administrators';
import { endOtherSessions } from './end-sessions';
import { hashPassword } from './passwords';

export const PASSWORD_CHARACTERS_AT_LEAST = 12;
export const PASSWORD_CHARACTERS_AT_MOST = 1_024;
const GROUPS_AT_MOST = 100;
export const GROUP_CHARACTERS_AT_MOST = 200;

/** Returns the error of a password; undefined when there is none. */
export function passwordProblem(value: unknown): string | undefined {
  if (typeof value !== 'string') return 'must be a text';
  // A character is one or two units.
  const characters = value.length > 2 * PASSWORD_CHARACTERS_AT_MOST ? Infinity : [...value].length;
  if (characters < PASSWORD_CHARACTERS_AT_LEAST)
    return `must have at least ${PASSWORD_CHARACTERS_AT_LEAST} characters`;
  return characters > PASSWORD_CHARACTERS_AT_MOST
    ? `must have at most ${PASSWORD_CHARACTERS_AT_MOST} characters`
    : undefined;
}

/** A person who signs in. */
export class UserDto {
  @Text({ description: 'Unique name, by which to sign in', ...NAME_OF_PERSON })
  name: string;

  @Text({ description: 'Name for people', optional: true, maxLength: 200 })
  displayName?: string;

  @Text({ description: 'E-mail address; nobody is known by it', optional: true, maxLength: 320 })
  email?: string;

  @TextList({ description: 'Groups, by which grants can name the user', maxItems: GROUPS_AT_MOST })
  groups: string[] = [];

  @Flag({ description: 'True: may not sign in; sessions and tokens are void' })
  disabled = false;

  @Any(
    {
      description: `Password, never shown; required of a new user, kept where it is left out`,
      optional: true,
    },
    {
      type: 'string',
      format: 'password',
      writeOnly: true,
      minLength: PASSWORD_CHARACTERS_AT_LEAST,
      maxLength: PASSWORD_CHARACTERS_AT_MOST,
    },
    passwordProblem,
  )
  password?: string;

  problems(): FieldError[] {
    return this.groups.flatMap((group, index) =>
      group.length > GROUP_CHARACTERS_AT_MOST
        ? [
            {
              pointer: `/groups/${index}`,
              detail: `must have at most ${GROUP_CHARACTERS_AT_MOST} characters`,
            },
          ]
        : [],
    );
  }
}

/** Filters of the list of users. */
export class UsersQuery extends PageQuery {
  @Search(searchedIn('t.name', 't.display_name', `coalesce(t.email, '')`), 'name, displayName and email')
  search?: string;

  @Filter(
    { description: 'One of its groups', isRepeatable: true },
    (values, parameter) => `t.groups && ${parameter(values)}::text[]`,
  )
  group?: string[];

  @IsTrue('t.disabled', 'Whether it is disabled')
  disabled?: string;

  @SortBy(DEFINITION_ORDERS)
  sort = 'createdAt';
}

/** Removes what is shown beside a definition, so that an answer may be sent back. */
function withoutActivity(body: unknown): unknown {
  if (!isObject(body)) return body;
  const { lastSignInAt: _at, ...definition } = body;
  return definition;
}

/** Users, as administrators see them. */
@Injectable()
export class Users extends StoredDefinitions<UserRow> {
  protected override readonly shownAs = { passwordHash: 'password', lastSignInAt: null };
  /** Hashes of the passwords in bodies that are being checked. */
  private readonly hashes = new WeakMap<object, string>();

  constructor(database: Database, @Inject(CLOCK) clock: Clock, secrets: Secrets) {
    super(
      new DefinitionStore(database, clock, UserRow, 'user', { isLabelled: false, writes: 'admin' }),
      secrets,
    );
  }

  /** Hashes the passwords of bodies, which takes its time and is done elsewhere. */
  protected override async named(bodies: readonly unknown[]): Promise<References> {
    for (const body of bodies) {
      if (!isObject(body) || passwordProblem(body.password) !== undefined) continue;
      this.hashes.set(body, await hashPassword(body.password as string));
    }
    return super.named(bodies);
  }

  protected columns(body: unknown, { before }: Surroundings<UserRow>): Columns<UserRow> {
    const { displayName, email, password: _, ...dto } = checked(UserDto, withoutActivity(body));
    const passwordHash = this.hashes.get(body as object) ?? before?.passwordHash ?? null;
    if (before === undefined && passwordHash === null)
      throw new InvalidInput([{ pointer: '/password', detail: 'is required' }]);
    return {
      ...dto,
      name: composed(dto.name),
      groups: [...new Set(dto.groups)],
      displayName: displayName ?? '',
      email: email ?? null,
      passwordHash,
      lastSignInAt: before?.lastSignInAt ?? null,
    };
  }

  protected async show(rows: UserRow[]): Promise<object[]> {
    return rows.map(({ displayName, email, groups, disabled, lastSignInAt }) => ({
      ...(displayName === '' ? {} : { displayName }),
      ...(email === null ? {} : { email }),
      groups,
      disabled,
      ...(lastSignInAt === null ? {} : { lastSignInAt: lastSignInAt.toISOString() }),
    }));
  }

  override async write(manager: EntityManager, drafts: readonly Draft<UserRow>[]): Promise<void> {
    const ask = asking(manager);
    await keepingAdministrator(ask, () => super.write(manager, drafts));
    for (const { row, before } of drafts)
      if (before !== undefined && before.passwordHash !== row.passwordHash)
        await endOtherSessions(ask, row.id);
  }

  /** Nothing uses a user; the grants and tokens of one go as well. */
  protected async users(manager: EntityManager, { id }: UserRow): Promise<string[]> {
    await assertAnotherAdministrator(asking(manager), id);
    return [];
  }
}

const asking =
  (manager: EntityManager): Ask =>
  (text, values) =>
    manager.query(text, values);
