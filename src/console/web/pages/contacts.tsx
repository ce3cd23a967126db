/** Contacts: who is told of what happens, by which action and when. */
import { Button } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { EVENTS } from '../api/contacts';
import { definitionsQuery } from '../api/lists';
import type { Contact } from '../api/shapes';
import { useFilters } from '../app/filters';
import { AppLink } from '../app/link';
import { actionPath, contactPath } from '../app/paths';
import { useMay } from '../app/rights';
import { ChoiceFilter, Filters, SearchBox, TextFilter } from '../parts/filters';
import { Labels } from '../parts/labels';
import { List } from '../parts/list';
import { Page } from '../parts/page';
import { eventsWords, paceWords } from './contacts/words';

const EVENT_WORDS = Object.fromEntries(Object.entries(EVENTS).map(([event, [words]]) => [event, words]));

export function Contacts() {
  const [filters] = useFilters();
  const list = useInfiniteQuery(definitionsQuery<Contact>('contacts', filters));
  const mayWrite = useMay('admin');
  return (
    <Page
      title="Contacts"
      actions={
        mayWrite ? (
          <Button component={AppLink} to="/contacts/new">
            New contact
          </Button>
        ) : null
      }
    >
      <Filters>
        <SearchBox description="Name, description or label" />
        <ChoiceFilter name="event" label="Told of" words={EVENT_WORDS} />
        <TextFilter name="action" label="Action" placeholder="its name" />
      </Filters>
      <List
        list={list}
        what="contacts"
        teach="A contact says who is told when something waits for a person, fails, falls silent or can’t be seen: by which action, at which times, and how often at most."
      >
        {(contacts) => <ContactTable contacts={contacts} />}
      </List>
    </Page>
  );
}

function ContactTable({ contacts }: { contacts: readonly Contact[] }) {
  return (
    <table className="rows">
      <thead>
        <tr>
          <th scope="col">Contact</th>
          <th scope="col">By</th>
          <th scope="col">Told of</th>
          <th scope="col">When</th>
        </tr>
      </thead>
      <tbody>
        {contacts.map((contact) => (
          <tr key={contact.id}>
            <td>
              <AppLink to={contactPath(contact.name)} data-row="" dir="auto">
                {contact.name}
              </AppLink>
              <Labels labels={contact.labels} atMost={3} />
            </td>
            <td data-column="By">
              <AppLink to={actionPath(contact.action)} dir="auto">
                {contact.action}
              </AppLink>
            </td>
            <td>{eventsWords(contact.events)}</td>
            <td>
              {contact.schedule === undefined ? (
                'At any time'
              ) : (
                <>
                  <span className="code">{contact.schedule.rrule}</span> {contact.schedule.timeZone}
                </>
              )}
              , {paceWords(contact)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
