/** The form of a silence, with what it would do beside it. */
import { Stack, TagsInput } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { editedQuery, type StoredVersion } from '../../api/lists';
import { infrastructuresQuery } from '../../api/queries';
import { foundServicesQuery } from '../../api/services';
import type { Silence } from '../../api/shapes';
import { MUTES } from '../../api/silences';
import { useFilters } from '../../app/filters';
import { labelAskedFor } from '../../app/label-filter';
import { usePathPart } from '../../app/path-part';
import { useSettled } from '../../app/settled';
import { ChoiceField } from '../../forms/choice-field';
import { DefinitionForm, definitionOf, LongTextOf, NumberOf, type Draft } from '../../forms/definition-form';
import { MapField } from '../../forms/map-field';
import { MomentField } from '../../forms/moment-field';
import { useField } from '../../forms/problems';
import { ScheduleFields } from '../../forms/schedule-fields';
import { required } from '../../forms/required';
import { isObject, withMember, type JsonObject } from '../../forms/values';
import { Failure, Page, Waiting } from '../../parts/page';
import { after, HOUR_MS, Lengths } from './ends';
import { Preview } from './preview';

const ON_END = [
  { value: 'act', label: 'Act: a breach that lasts triggers after one whole interval' },
  { value: 'wait', label: 'Wait: only a fresh breach triggers' },
];

function SilenceForm({ saved, stored }: { saved: JsonObject; stored?: StoredVersion }) {
  const navigate = useNavigate();
  return (
    <DefinitionForm<Silence>
      kind="silences"
      saved={saved}
      stored={stored}
      onSaved={() => navigate({ to: '/silences' })}
      cancelTo="/silences"
    >
      {(draft) => (
        <div className="beside">
          <Stack gap="md">
            <MatchFields draft={draft} />
            <LongTextOf
              draft={draft}
              name="reason"
              label="Reason"
              description="Why, for whoever wonders; it is shown wherever something is muted"
              isRequired
            />
            <TimeFields draft={draft} />
            <EffectFields draft={draft} />
            <NumberOf
              draft={draft}
              name="endWhenOkForSeconds"
              label="End when OK for"
              description="It ends early once all its services have been OK for so long (seconds)"
              placeholder="never"
            />
          </Stack>
          <Preview silence={draft.definition} />
        </div>
      )}
    </DefinitionForm>
  );
}

const EffectFields = ({ draft: { definition, set } }: { draft: Draft }) => (
  <>
    <ChoiceField
      {...useField('/mutes')}
      label="Mutes"
      choices={Object.entries(MUTES).map(([value, label]) => ({ value, label }))}
      value={typeof definition.mutes === 'string' ? definition.mutes : 'actions'}
      onChange={set('mutes')}
    />
    <ChoiceField
      {...useField('/onEnd')}
      label="At its end"
      choices={ON_END}
      value={definition.onEnd === 'wait' ? 'wait' : 'act'}
      onChange={set('onEnd')}
    />
  </>
);

function MatchFields({ draft: { definition, set } }: { draft: Draft }) {
  const match = isObject(definition.match) ? definition.match : {};
  const whole = useField('/match', true);
  const change = (name: string) => (value: unknown) => set('match')(withMember(match, name, value));
  return (
    <fieldset className="group" id={whole.id} tabIndex={-1} aria-invalid={whole['aria-invalid']}>
      <legend>What it covers</legend>
      <p className="hint">Services that fit all that is given, also those that come to fit it later.</p>
      {whole.error === undefined ? null : <p className="problem">{whole.error}</p>}
      <Stack gap="sm">
        <ServicesField value={match.services} onChange={change('services')} />
        <MapField
          name="labels"
          schema={{ type: 'object', description: 'Labels that a service has, all of them' }}
          isRequired={false}
          value={match.labels}
          pointer="/match/labels"
          onChange={change('labels')}
        />
        <InfrastructuresField value={match.infrastructures} onChange={change('infrastructures')} />
      </Stack>
    </fieldset>
  );
}

interface NamesFieldProps {
  value: unknown;
  /** Undefined where none is left. */
  onChange: (names: string[] | undefined) => void;
}

const namesOf = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
const orNone = (names: string[]): string[] | undefined => (names.length === 0 ? undefined : names);

function ServicesField({ value, onChange }: NamesFieldProps) {
  const [search, setSearch] = useState('');
  const { data } = useQuery(foundServicesQuery(useSettled(search)));
  return (
    <TagsInput
      {...useField('/match/services')}
      label="Services"
      description="By their names"
      data={(data ?? []).map(({ name }) => name)}
      searchValue={search}
      onSearchChange={setSearch}
      splitChars={['\n']}
      value={namesOf(value)}
      onChange={(names) => onChange(orNone(names))}
    />
  );
}

function InfrastructuresField({ value, onChange }: NamesFieldProps) {
  const { data } = useQuery(infrastructuresQuery);
  return (
    <TagsInput
      {...useField('/match/infrastructures')}
      label="Infrastructures"
      description="Services that scale one of them"
      data={(data ?? []).map(({ name }) => name)}
      splitChars={['\n']}
      value={namesOf(value)}
      onChange={(names) => onChange(orNone(names))}
    />
  );
}

const SATURDAY_NIGHT = { rrule: 'FREQ=WEEKLY;BYDAY=SA;BYHOUR=2;BYMINUTE=0', durationSeconds: 7_200 };

function TimeFields({ draft: { definition, set } }: { draft: Draft }) {
  return (
    <fieldset className="group">
      <legend>When</legend>
      <Stack gap="sm">
        <MomentField
          {...useField('/startsAt')}
          label="Starts at"
          description="Now, if it is left out"
          value={definition.startsAt}
          onChange={set('startsAt')}
        />
        <MomentField
          {...useField('/endsAt')}
          {...required}
          label="Ends at"
          description="No silence is endless"
          value={definition.endsAt}
          onChange={set('endsAt')}
        />
        <Lengths from={definition.startsAt} onChoose={set('endsAt')} />
        <ScheduleFields
          value={definition.schedule}
          first={SATURDAY_NIGHT}
          add="Repeat within that time"
          leaveOut="Mute all of that time"
          onChange={set('schedule')}
        />
      </Stack>
    </fieldset>
  );
}

/** What a link into the form may bring: `?service=a&service=b&label=team=web`. */
export function NewSilence() {
  const [filters] = useFilters();
  const [saved] = useState(() => {
    const listed = (name: string) => [filters[name] ?? []].flat();
    const labels = listed('label').flatMap((label) => {
      const pair = labelAskedFor(label);
      return pair === undefined ? [] : [pair];
    });
    const match = {
      ...(listed('service').length > 0 && { services: listed('service') }),
      ...(labels.length > 0 && { labels: Object.fromEntries(labels) }),
    };
    return { match, reason: '', endsAt: after(HOUR_MS) };
  });
  return (
    <Page title="New silence">
      <SilenceForm saved={saved} />
    </Page>
  );
}

export function EditSilence() {
  const id = usePathPart('id');
  const { data, error } = useQuery(editedQuery<Silence>('silences', id));
  return (
    <Page title="Change a silence">
      <Failure error={error} />
      {data === undefined ? (
        error === null ? (
          <Waiting />
        ) : null
      ) : (
        <SilenceForm
          key={data.body.version}
          saved={definitionOf(data.body)}
          stored={{ id: data.body.id, etag: data.etag }}
        />
      )}
    </Page>
  );
}
