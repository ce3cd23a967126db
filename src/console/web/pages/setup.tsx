import { Alert, Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { answer, client } from '../api/client';
import { sessionQuery, setupQuery } from '../api/queries';
import type { Session } from '../api/shapes';
import { one, useFilters } from '../app/filters';
import { AppLink } from '../app/link';
import { Outside } from '../app/outside';
import { Form } from '../forms/form';
import { Problems, useProblems } from '../forms/problems';
import { Page } from '../parts/page';

export function Setup() {
  const { data: setup } = useQuery(setupQuery);
  return (
    <Outside>
      <Page title="Set up monscale">
        {setup?.needed === false ? (
          <Alert>
            This has been done: there are users. <AppLink to="/login">Sign in</AppLink>
          </Alert>
        ) : (
          <FirstUser />
        )}
      </Page>
    </Outside>
  );
}

function FirstUser() {
  const given = one(useFilters()[0].token);
  const [token, setToken] = useState(given ?? '');
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const navigate = useNavigate();
  const queries = useQueryClient();
  const make = useMutation({
    mutationFn: () => answer<Session>(client.POST('/api/v1/setup', { body: { token, username, password } })),
    onSuccess: (session) => {
      queries.clear();
      queries.setQueryData(sessionQuery.queryKey, session);
      void navigate({ to: '/', replace: true });
    },
  });
  const problems = useProblems(make.error);
  return (
    <Form sends={make}>
      <Stack>
        <p style={{ margin: 0 }}>Make the first user, who administers monscale.</p>
        <Problems problems={problems} />
        {given !== undefined ? null : (
          <TextInput
            {...problems.field('/token')}
            label="Token"
            description="The part of the setup URL after token="
            value={token}
            onChange={(event) => setToken(event.currentTarget.value)}
          />
        )}
        <TextInput
          {...problems.field('/username')}
          label="Username"
          autoComplete="username"
          value={username}
          onChange={(event) => setUsername(event.currentTarget.value)}
        />
        <PasswordInput
          {...problems.field('/password')}
          label="Password"
          description="At least 12 characters"
          autoComplete="new-password"
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
        />
        <Button type="submit" aria-busy={make.isPending}>
          Set up
        </Button>
      </Stack>
    </Form>
  );
}
