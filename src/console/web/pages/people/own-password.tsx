import { Button, Group, PasswordInput, Stack } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answer, client } from '../../api/client';
import { Form } from '../../forms/form';
import { Problems, useProblems } from '../../forms/problems';
import { Section } from '../../parts/section';

/** Form that changes one's own password by the present one. */
export function OwnPassword() {
  const [password, setPassword] = useState('');
  const [newPassword, setNewPassword] = useState('');
  const queries = useQueryClient();
  const change = useMutation({
    mutationFn: () => answer(client.PUT('/api/v1/session/password', { body: { password, newPassword } })),
    onSuccess: () => {
      setPassword('');
      setNewPassword('');
      void queries.invalidateQueries({ queryKey: ['sessions'] });
    },
  });
  const problems = useProblems(change.error);
  return (
    <Section title="Your password">
      <Form sends={change}>
        <Stack maw={420}>
          <Problems problems={problems} />
          <PasswordInput
            {...problems.field('/password')}
            label="Present password"
            autoComplete="current-password"
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
          />
          <PasswordInput
            {...problems.field('/newPassword')}
            label="New password"
            description="At least 12 characters"
            autoComplete="new-password"
            value={newPassword}
            onChange={(event) => setNewPassword(event.currentTarget.value)}
          />
          <Group>
            <Button type="submit" aria-busy={change.isPending}>
              Change password
            </Button>
            <span role="status">
              {change.isSuccess ? 'Changed. All your other sessions have ended.' : ''}
            </span>
          </Group>
        </Stack>
      </Form>
    </Section>
  );
}
