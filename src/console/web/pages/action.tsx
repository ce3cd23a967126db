/** An action: what it does, a test of it, who uses it, and what it has done lately. */
import { Button, Stack } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { executionsQuery, mappingsQuery } from '../api/queries';
import { servicesQuery } from '../api/services';
import { definitionsQuery } from '../api/lists';
import type { Action, Contact } from '../api/shapes';
import { AppLink } from '../app/link';
import { actionPath, contactPath, editPath, servicePath } from '../app/paths';
import { usePathPart } from '../app/path-part';
import { useMay } from '../app/rights';
import { DeleteDefinition } from '../parts/delete-definition';
import { Found } from '../parts/definition-page';
import { ExecutionTable } from '../parts/executions';
import { Failure, Page } from '../parts/page';
import { Labels } from '../parts/labels';
import { Params } from '../parts/params';
import { Section } from '../parts/section';
import { TestAction } from './actions/test-action';

export function ActionPage() {
  const name = usePathPart('name');
  return (
    <Found<Action> kind="actions" name={name} what="action">
      {(action, error) => <Shown action={action} error={error} />}
    </Found>
  );
}

function Shown({ action, error }: { action: Action; error: unknown }) {
  const { id, name, description, labels, type, params } = action;
  const { data: mappings } = useQuery(mappingsQuery);
  const mayWrite = useMay('editor', labels ?? {});
  const entry = mappings?.actions.find((one) => one.type === type);
  return (
    <Page title={name} actions={mayWrite ? <Deeds action={action} /> : null}>
      <Failure error={error} />
      <Labels labels={labels} />
      {description ? <p className="text">{description}</p> : null}
      <Stack gap="lg">
        <Section title={entry?.title ?? type}>
          <Params params={params} schema={entry?.paramsSchema} />
        </Section>
        {mayWrite ? <TestAction id={id} name={name} /> : null}
        <UsedBy name={name} />
        <DoneLately name={name} />
      </Stack>
    </Page>
  );
}

function Deeds({ action: { id, name } }: { action: Action }) {
  return (
    <>
      <DeleteDefinition kind="actions" id={id} name={name} then="/actions">
        What it has done stays in the history. Services and contacts that use it must do without it first.
      </DeleteDefinition>
      <Button component={AppLink} to={editPath(actionPath(name))}>
        Edit
      </Button>
    </>
  );
}

function UsedBy({ name }: { name: string }) {
  const { data } = useInfiniteQuery(servicesQuery({ action: name }));
  const { data: listed } = useInfiniteQuery(definitionsQuery<Contact>('contacts', { action: name }));
  const services = data?.pages[0]?.items ?? [];
  const contacts = listed?.pages[0]?.items ?? [];
  return (
    <Section title="Used by">
      {services.length + contacts.length === 0 ? (
        <p className="hint">No service and no contact uses it.</p>
      ) : (
        <ul className="plain">
          {services.map((service) => (
            <li key={service.id}>
              <AppLink to={servicePath(service.name)} dir="auto">
                {service.name}
              </AppLink>
            </li>
          ))}
          {contacts.map((contact) => (
            <li key={contact.id}>
              <AppLink to={contactPath(contact.name)} dir="auto">
                {contact.name}
              </AppLink>
              , a contact
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}

function DoneLately({ name }: { name: string }) {
  const { data, error } = useQuery(executionsQuery({ action: name, limit: 10 }));
  const executions = data?.items ?? [];
  return (
    <Section
      title="Lately"
      beside={
        <AppLink to="/executions" search={{ action: name }}>
          All its executions
        </AppLink>
      }
    >
      <Failure error={error} />
      {executions.length === 0 ? (
        <p className="hint">It has not been executed yet.</p>
      ) : (
        <ExecutionTable executions={executions} />
      )}
    </Section>
  );
}
