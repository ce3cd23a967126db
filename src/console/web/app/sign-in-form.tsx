import { Alert, Anchor, Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answer, client } from '../api/client';
import { wordsOf } from '../api/problem';
import { sessionQuery } from '../api/queries';
import type { Session } from '../api/shapes';
import { Form } from '../forms/form';
import { required } from '../forms/required';
import { below, HAS_PROVIDER } from './base';

interface SignInFormProps {
  onSignedIn: () => void;
  /** Path to be at after signing in by a provider, which leaves this page; undefined where it must not be left. */
  returnTo?: string;
}

export function SignInForm({ onSignedIn, returnTo }: SignInFormProps) {
  const queries = useQueryClient();
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const signIn = useMutation({
    mutationFn: () => answer<Session>(client.POST('/api/v1/session', { body: { username, password } })),
    onSuccess: (session) => {
      queries.setQueryData(sessionQuery.queryKey, session);
      onSignedIn();
    },
  });
  const problem = signIn.isError ? wordsOf(signIn.error) : undefined;
  return (
    <Form sends={signIn}>
      <Stack>
        {problem === undefined ? null : (
          <Alert color="red" role="alert">
            {problem}
          </Alert>
        )}
        <TextInput
          label="Username"
          name="username"
          autoComplete="username"
          {...required}
          data-autofocus
          value={username}
          onChange={(event) => setUsername(event.currentTarget.value)}
        />
        <PasswordInput
          label="Password"
          name="password"
          autoComplete="current-password"
          {...required}
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
        />
        <Button type="submit" aria-busy={signIn.isPending}>
          Sign in
        </Button>
        {returnTo === undefined || !HAS_PROVIDER ? null : (
          <Anchor href={below(`/api/v1/auth/oidc?returnTo=${encodeURIComponent(returnTo)}`)}>
            Sign in by your organisation
          </Anchor>
        )}
      </Stack>
    </Form>
  );
}
