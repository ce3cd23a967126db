/** People: users, what they and groups may, everybody's tokens and sessions. For administrators. */
import { Button, Stack } from '@mantine/core';
import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { definitionsQuery, deleteDefinition, listQuery } from '../api/lists';
import { rightsWords, type StoredGrant, type Token, type User } from '../api/people';
import { useFilters } from '../app/filters';
import { AppLink } from '../app/link';
import { userPath } from '../app/paths';
import { useMayWhole } from '../app/rights';
import { Ask } from '../parts/ask';
import { Filters, SearchBox } from '../parts/filters';
import { List } from '../parts/list';
import { NotYours, Page } from '../parts/page';
import { Section } from '../parts/section';
import { GrantDialog } from './people/grant-dialog';
import { SessionsSection } from './people/sessions-section';
import { TokensSection } from './people/tokens-section';

export function People() {
  const isAdmin = useMayWhole('admin');
  if (!isAdmin) return <NotYours />;
  return (
    <Page
      title="People"
      actions={
        <Button component={AppLink} to="/people/new">
          New user
        </Button>
      }
    >
      <Stack gap="lg">
        <Users />
        <Grants />
        <TokensSection title="Tokens of all" showsMaker />
        <SessionsSection title="Sessions of all" showsUser />
      </Stack>
    </Page>
  );
}

function Users() {
  const [filters] = useFilters();
  const list = useInfiniteQuery(definitionsQuery<User>('users', filters));
  return (
    <Section title="Users">
      <Stack gap="sm">
        <Filters>
          <SearchBox description="Name" />
        </Filters>
        <List
          list={list}
          what="users"
          teach="There is no user yet: open the setup URL that the program printed, or make one here."
        >
          {(users) => (
            <table className="rows">
              <thead>
                <tr>
                  <th scope="col">User</th>
                  <th scope="col">Name for people</th>
                  <th scope="col">Groups</th>
                  <th scope="col">May sign in</th>
                </tr>
              </thead>
              <tbody>
                {users.map(({ id, name, displayName, groups, disabled }) => (
                  <tr key={id}>
                    <td>
                      <AppLink to={userPath(name)} data-row="" dir="auto">
                        {name}
                      </AppLink>
                    </td>
                    <td dir="auto">{displayName}</td>
                    <td>{groups.join(', ')}</td>
                    <td data-column="May sign in">{disabled ? 'no: disabled' : 'yes'}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        </List>
      </Stack>
    </Section>
  );
}

const subjectWords = (
  { user, group, token, anonymous }: StoredGrant['subject'],
  tokens: readonly Token[],
): string => {
  if (user !== undefined) return `user ${user}`;
  if (group !== undefined) return `group ${group}`;
  if (token !== undefined) return `token ${tokens.find(({ id }) => id === token)?.name ?? token}`;
  return anonymous ? 'whoever is not signed in' : '–';
};

function Grants() {
  const list = useInfiniteQuery(listQuery<StoredGrant>('grants', {}, 500));
  const { data: tokens } = useInfiniteQuery(listQuery<Token>('tokens', {}, 500));
  const [isMaking, make] = useState(false);
  const [leaving, leave] = useState<StoredGrant>();
  const queries = useQueryClient();
  const known = tokens?.pages.flatMap(({ items }) => items) ?? [];
  return (
    <Section
      title="Grants"
      beside={
        <Button variant="default" onClick={() => make(true)}>
          New grant
        </Button>
      }
    >
      <List
        list={list}
        what="grants"
        teach="A grant says who may what: a user, a group, a token, or whoever comes."
      >
        {(grants) => (
          <table className="rows">
            <thead>
              <tr>
                <th scope="col">Who</th>
                <th scope="col">May</th>
                <th scope="col">
                  <span className="visually-hidden">Deeds</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {grants.map((grant) => (
                <tr key={grant.id}>
                  <td dir="auto">{subjectWords(grant.subject, known)}</td>
                  <td>{rightsWords(grant)}</td>
                  <td>
                    <Button
                      variant="subtle"
                      size="compact-sm"
                      aria-label={`Delete the grant of ${subjectWords(grant.subject, known)}: ${rightsWords(grant)}`}
                      onClick={() => leave(grant)}
                    >
                      Delete
                    </Button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </List>
      <GrantDialog isOpen={isMaking} onClose={() => make(false)} />
      {leaving === undefined ? null : (
        <Ask
          isOpen
          onClose={() => leave(undefined)}
          title="Delete this grant"
          verb="Delete"
          isDangerous
          act={async () => {
            await deleteDefinition('grants', leaving.id);
            await queries.invalidateQueries({ queryKey: ['grants'] });
          }}
        >
          From the next request on, {subjectWords(leaving.subject, known)} may not any more:{' '}
          {rightsWords(leaving)}.
        </Ask>
      )}
    </Section>
  );
}
