/** A service: why it is as it is, what it read, what was decided, and what came of it. */
import { Badge, Group, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Problem } from '../api/problem';
import { useName } from '../app/filters';
import { serviceQuery } from '../api/queries';
import type { Service } from '../api/shapes';
import { Labels } from '../parts/labels';
import { ManagedBadge } from '../parts/managed';
import { Failure, Page, Waiting } from '../parts/page';
import { ServiceActions } from './service/actions';
import { Charts } from './service/charts';
import { Done } from './service/done';
import { Ledger } from './service/ledger';
import { Lately } from './service/lately';
import { Values } from './service/values';
import { Versions } from './service/versions';
import { WhyNow } from './service/why-now';

export function ServicePage() {
  const name = useName();
  const { data: service, error } = useQuery(serviceQuery(name));
  if (error instanceof Problem && error.status === 404)
    return (
      <Page title={name}>
        <p>There is no service of this name, or it has been deleted.</p>
      </Page>
    );
  if (service === undefined)
    return <Page title={name}>{error === null ? <Waiting /> : <Failure error={error} />}</Page>;
  return <Found service={service} error={error} />;
}

function Found({ service, error }: { service: Service; error: unknown }) {
  const { id, name, description, labels, mode, enabled, managedBy } = service;
  return (
    <Page title={name} actions={<ServiceActions service={service} />}>
      <Failure error={error} />
      <Group gap="xs">
        {enabled ? null : <Badge variant="default">disabled</Badge>}
        <Badge variant="default">mode {mode}</Badge>
        <ManagedBadge by={managedBy} />
        <Labels labels={labels} />
      </Group>
      {description === '' ? null : <p style={{ margin: 0, whiteSpace: 'pre-wrap' }}>{description}</p>}
      <Stack gap="lg">
        <WhyNow id={id} />
        <Values service={service} />
        <Charts service={service} />
        <Ledger id={id} />
        <Done name={name} />
        <Lately id={id} mode={mode} />
        <Versions id={id} />
      </Stack>
    </Page>
  );
}
