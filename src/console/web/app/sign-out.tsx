import { Button } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { answer, client } from '../api/client';
import { below } from './base';

export function SignOut() {
  const signOut = useMutation({
    mutationFn: () => answer(client.DELETE('/api/v1/session')),
    // A new page: nothing of what was read stays in memory.
    onSettled: () => window.location.assign(below('/login')),
  });
  return (
    <Button variant="subtle" size="compact-sm" justify="flex-start" onClick={() => signOut.mutate()}>
      Sign out
    </Button>
  );
}
