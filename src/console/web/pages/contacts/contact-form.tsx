/** The form of a contact, with the windows in which it would be told beside it. */
import { Button, Checkbox, Group, Stack } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { EVENTS } from '../../api/contacts';
import type { StoredVersion } from '../../api/lists';
import { actionsQuery } from '../../api/queries';
import type { Contact, Mappings } from '../../api/shapes';
import { contactPath } from '../../app/paths';
import { usePathPart } from '../../app/path-part';
import { useMay } from '../../app/rights';
import { ChoiceField } from '../../forms/choice-field';
import { DefinitionForm, LongTextOf, MapOf, NumberOf, TextOf, type Draft } from '../../forms/definition-form';
import { NewActionDialog } from '../../forms/new-action';
import { useField } from '../../forms/problems';
import { required } from '../../forms/required';
import { ScheduleFields } from '../../forms/schedule-fields';
import { isObject, type JsonObject } from '../../forms/values';
import { Edited, New } from '../../parts/definition-page';
import { Windows } from './windows';

/** Types of actions that tell people. */
const TELLING = new Set(['chat', 'email', 'webhook']);
const OFFICE_HOURS = {
  rrule: 'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=8;BYMINUTE=0',
  durationSeconds: 36_000,
};

interface ContactFormProps {
  mappings: Mappings;
  saved: JsonObject;
  stored?: StoredVersion;
}

function ContactForm({ mappings, saved, stored }: ContactFormProps) {
  const navigate = useNavigate();
  return (
    <DefinitionForm<Contact>
      kind="contacts"
      saved={saved}
      stored={stored}
      onSaved={({ name }) => navigate({ to: contactPath(name) })}
      cancelTo={stored === undefined ? '/contacts' : contactPath(String(saved.name))}
    >
      {(draft) => (
        <div className="beside">
          <Stack gap="md">
            <TextOf draft={draft} name="name" label="Name" isRequired />
            <LongTextOf draft={draft} name="description" label="Description" description="Who it is" />
            <ActionField draft={draft} mappings={mappings} />
            <EventsField draft={draft} />
            <MapOf
              draft={draft}
              name="labels"
              description="Labels, all of which a service has that it is told of; without them, it is told of everything"
            />
            <PaceFields draft={draft} />
            <fieldset className="group">
              <legend>When</legend>
              <ScheduleFields
                value={draft.definition.schedule}
                first={OFFICE_HOURS}
                add="Only at certain times"
                leaveOut="At any time"
                onChange={draft.set('schedule')}
              />
            </fieldset>
          </Stack>
          <Windows schedule={isObject(draft.definition.schedule) ? draft.definition.schedule : undefined} />
        </div>
      )}
    </DefinitionForm>
  );
}

function ActionField({ draft: { definition, set }, mappings }: { draft: Draft; mappings: Mappings }) {
  const [isMaking, make] = useState(false);
  const { data: actions = [] } = useQuery(actionsQuery);
  const mayMake = useMay('editor');
  const value = typeof definition.action === 'string' ? definition.action : undefined;
  const names = actions.filter(({ type }) => TELLING.has(type)).map(({ name }) => name);
  // One that is out of one's scope has no name here, and stays as it is.
  const all = value === undefined || names.includes(value) ? names : [value, ...names];
  return (
    <>
      <Group align="flex-end" gap="xs">
        <ChoiceField
          {...useField('/action')}
          {...required}
          label="Action"
          description="By which it is told: a chat, a mail or a webhook"
          style={{ flex: '1 1 220px' }}
          choices={all.map((name) => ({ value: name, label: name }))}
          value={value}
          onChange={set('action')}
        />
        {mayMake ? (
          <Button variant="default" onClick={() => make(true)}>
            New action
          </Button>
        ) : null}
      </Group>
      <NewActionDialog
        isOpen={isMaking}
        mappings={{ ...mappings, actions: mappings.actions.filter(({ type }) => TELLING.has(type)) }}
        onClose={() => make(false)}
        onMade={set('action')}
      />
    </>
  );
}

function EventsField({ draft: { definition, set } }: { draft: Draft }) {
  const { id, error, 'aria-invalid': isInvalid } = useField('/events');
  const events = Array.isArray(definition.events) ? definition.events.map(String) : [];
  return (
    <fieldset
      className="group"
      id={id}
      tabIndex={-1}
      aria-invalid={isInvalid}
      aria-describedby={error === undefined ? undefined : `${id}-problem`}
    >
      <legend data-required="">What it is told of</legend>
      <p className="hint">That it is over is told, too.</p>
      {error === undefined ? null : (
        <p className="problem" id={`${id}-problem`}>
          {error}
        </p>
      )}
      <Stack gap="xs">
        {Object.entries(EVENTS).map(([event, [words, happens]]) => (
          <Checkbox
            key={event}
            label={words}
            description={happens}
            checked={events.includes(event)}
            onChange={({ currentTarget: { checked } }) =>
              set('events')(checked ? [...events, event] : events.filter((one) => one !== event))
            }
          />
        ))}
      </Stack>
    </fieldset>
  );
}

const PaceFields = ({ draft }: { draft: Draft }) => (
  <>
    <NumberOf
      draft={draft}
      name="maxPerHour"
      label="Messages an hour"
      description="At most; what is left out is counted in the next one"
      placeholder="20"
    />
    <NumberOf
      draft={draft}
      name="groupSeconds"
      label="Group"
      description="Time between two messages at least: what happens meanwhile is one message (seconds)"
      placeholder="60"
    />
    <NumberOf
      draft={draft}
      name="blindForSeconds"
      label="Blind for"
      description="Time for which a service is without readings before that is told (seconds)"
      placeholder="300"
    />
  </>
);

export const NewContact = () => (
  <New title="New contact">
    {(mappings) => (
      <ContactForm
        mappings={mappings}
        saved={{ name: '', events: ['approval', 'failed', 'unknown', 'blind'] }}
      />
    )}
  </New>
);

export function EditContact() {
  const name = usePathPart('name');
  return (
    <Edited kind="contacts" name={name} what="contact">
      {(saved, stored, mappings) => <ContactForm mappings={mappings} saved={saved} stored={stored} />}
    </Edited>
  );
}
