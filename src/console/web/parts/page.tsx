/** Frame of each page: its name, what can be done there, and what stands in for what is not there. */
import { Alert, Group, Loader, Stack, Title } from '@mantine/core';
import { useEffect, useRef, type ReactNode } from 'react';
import { Problem, wordsOf } from '../api/problem';

interface PageProps {
  /** Name of the page or the thing: its `h1`, and the title of the tab. */
  title: string;
  actions?: ReactNode;
  children: ReactNode;
}

export function Page({ title, actions, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · monscale`;
  }, [title]);
  return (
    <Stack gap="md">
      <Group justify="space-between" align="flex-start">
        <Title order={1} ref={heading} tabIndex={-1}>
          {title}
        </Title>
        {actions === undefined ? null : <Group gap="xs">{actions}</Group>}
      </Group>
      {children}
    </Stack>
  );
}

export const NotYours = () => (
  <Page title="You may not see this">
    <p>Your rights do not reach this page. Whoever administers monscale can change that under People.</p>
  </Page>
);

/** What a query failed with, in words; what was read before stays on the page beside it. */
export function Failure({ error }: { error: unknown }) {
  if (error === null || error === undefined) return null;
  if (error instanceof Problem && error.status === 403)
    return <Alert color="gray">You may not see this: {wordsOf(error)}</Alert>;
  return (
    <Alert color="red" role="alert" title="This could not be read">
      {wordsOf(error)}
    </Alert>
  );
}

export const Waiting = () => (
  <Group role="status" gap="xs">
    <Loader size="sm" aria-hidden="true" /> Loading…
  </Group>
);

/** A list without items teaches what would be in it. */
export const Empty = ({ title, children }: { title: string; children?: ReactNode }) => (
  <div className="panel">
    <Title order={2} size="h3" mb={6}>
      {title}
    </Title>
    {children}
  </div>
);
