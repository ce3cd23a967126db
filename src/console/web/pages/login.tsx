import { Alert } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { setupQuery } from '../api/queries';
import { one, useFilters } from '../app/filters';
import { Outside } from '../app/outside';
import { ownPath } from '../app/return-to';
import { SignInForm } from '../app/sign-in-form';
import { Page } from '../parts/page';

export function Login() {
  const returnTo = ownPath(one(useFilters()[0].returnTo));
  const navigate = useNavigate();
  const queries = useQueryClient();
  const { data: setup } = useQuery(setupQuery);
  return (
    <Outside>
      <Page title="Sign in">
        {setup?.needed ? (
          <Alert>
            There is no user yet. The program printed a setup URL when it started: open it to make the first.
          </Alert>
        ) : null}
        <SignInForm
          returnTo={returnTo}
          onSignedIn={() => {
            queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'session' });
            void navigate({ href: returnTo });
          }}
        />
      </Page>
    </Outside>
  );
}
