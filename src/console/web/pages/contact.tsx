/** A contact: by which action it is told of what, when and how often, and what became of each thing. */
import { Button, Stack } from '@mantine/core';
import type { Contact } from '../api/shapes';
import { EVENTS } from '../api/contacts';
import { AppLink } from '../app/link';
import { actionPath, contactPath, editPath } from '../app/paths';
import { usePathPart } from '../app/path-part';
import { useMay } from '../app/rights';
import { DeleteDefinition } from '../parts/delete-definition';
import { Found } from '../parts/definition-page';
import { Labels } from '../parts/labels';
import { Failure, Page } from '../parts/page';
import { Section } from '../parts/section';
import { lasting } from '../parts/time';
import { Notices } from './contacts/notices';
import { Windows } from './contacts/windows';
import { paceWords } from './contacts/words';

export function ContactPage() {
  const name = usePathPart('name');
  return (
    <Found<Contact> kind="contacts" name={name} what="contact">
      {(contact, error) => <Shown contact={contact} error={error} />}
    </Found>
  );
}

function Shown({ contact, error }: { contact: Contact; error: unknown }) {
  const { id, name, description, action, events, labels, schedule, blindForSeconds } = contact;
  const mayWrite = useMay('admin', labels);
  return (
    <Page title={name} actions={mayWrite ? <Deeds contact={contact} /> : null}>
      <Failure error={error} />
      {description ? <p className="text">{description}</p> : null}
      <dl className="facts">
        <div>
          <dt>Told by</dt>
          <dd>
            <AppLink to={actionPath(action)} dir="auto">
              {action}
            </AppLink>
          </dd>
        </div>
        <div>
          <dt>Messages</dt>
          <dd>{paceWords(contact)}</dd>
        </div>
        <div>
          <dt>For services with</dt>
          <dd>{Object.keys(labels).length === 0 ? 'any labels' : <Labels labels={labels} />}</dd>
        </div>
      </dl>
      <Stack gap="lg">
        <Section title="What it is told of">
          <ul className="plain">
            {events.map((event) => (
              <li key={event}>
                {EVENTS[event][1]}
                {event === 'blind' ? `, for ${lasting(blindForSeconds)}` : ''}.
              </li>
            ))}
          </ul>
        </Section>
        <Windows schedule={schedule} atMost={3} />
        <Notices id={id} events={events} />
      </Stack>
    </Page>
  );
}

function Deeds({ contact: { id, name } }: { contact: Contact }) {
  return (
    <>
      <DeleteDefinition kind="contacts" id={id} name={name} then="/contacts">
        It is told nothing more, not even that what it was told of is over. Messages that were sent stay among
        the executions.
      </DeleteDefinition>
      <Button component={AppLink} to={editPath(contactPath(name))}>
        Edit
      </Button>
    </>
  );
}
