import { Button, Group, Stack, TagsInput } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import type { Source } from '../../api/alerts';
import type { StoredVersion } from '../../api/lists';
import type { Mappings } from '../../api/shapes';
import { AppLink } from '../../app/link';
import { sourcePath } from '../../app/paths';
import { usePathPart } from '../../app/path-part';
import { ChoiceField } from '../../forms/choice-field';
import { DefinitionForm, MapOf, NumberOf, TextOf, type Draft } from '../../forms/definition-form';
import { useField } from '../../forms/problems';
import { required } from '../../forms/required';
import { SchemaFields } from '../../forms/schema-fields';
import { withMember, type JsonObject } from '../../forms/values';
import { Edited, New } from '../../parts/definition-page';
import { ShownOnce } from '../../parts/shown-once';
import { SnippetSection } from './snippet-section';

interface SourceFormProps {
  mappings: Mappings;
  saved: JsonObject;
  stored?: StoredVersion;
}

function SourceForm({ mappings, saved, stored }: SourceFormProps) {
  const navigate = useNavigate();
  const [made, setMade] = useState<Source>();
  if (made !== undefined) return <Made source={made} />;
  return (
    <DefinitionForm<Source>
      kind="sources"
      saved={saved}
      stored={stored}
      onSaved={(source) =>
        source.token === undefined ? navigate({ to: sourcePath(source.name) }) : setMade(source)
      }
      cancelTo={stored === undefined ? '/sources' : sourcePath(String(saved.name))}
    >
      {(draft) => (
        <>
          <TextOf draft={draft} name="name" label="Name" isRequired />
          <FormatFields draft={draft} mappings={mappings} isNew={stored === undefined} />
          <NumberOf
            draft={draft}
            name="silentAfterSeconds"
            label="Silent after"
            description="Nothing from it for so long is an alert with the labels alertname: source_silent and source: its name (seconds)"
            placeholder="never"
          />
          <ServicesField draft={draft} />
          <MapOf
            draft={draft}
            name="labels"
            description="Labels that its alerts must carry: others are rejected"
          />
          <MapOf
            draft={draft}
            name="addLabels"
            description="Labels that are added to its alerts, whatever their sender says of them"
          />
        </>
      )}
    </DefinitionForm>
  );
}

function FormatFields({ draft, mappings, isNew }: { draft: Draft; mappings: Mappings; isNew: boolean }) {
  const { definition, change, set } = draft;
  const field = useField('/format');
  const entry = mappings.alertFormats.find(({ type }) => type === definition.format);
  return (
    <>
      <ChoiceField
        {...field}
        {...required}
        label="Format"
        description={entry?.description}
        // Another format is another source.
        choices={mappings.alertFormats
          .filter(({ type }) => isNew || type === definition.format)
          .map(({ type, title }) => ({ value: type, label: title }))}
        value={typeof definition.format === 'string' ? definition.format : undefined}
        onChange={(format) => change(withMember({ ...definition, params: {} }, 'format', format))}
      />
      {entry === undefined ? null : (
        <SchemaFields
          key={entry.type}
          schema={entry.paramsSchema}
          value={definition.params}
          pointer="/params"
          onChange={set('params')}
        />
      )}
    </>
  );
}

function ServicesField({ draft: { definition, set } }: { draft: Draft }) {
  const field = useField('/services');
  return (
    <TagsInput
      {...field}
      label="Services"
      description="For which it may speak, by name; none here: for all"
      splitChars={[',']}
      acceptValueOnBlur
      value={Array.isArray(definition.services) ? definition.services.map(String) : []}
      onChange={(names) => set('services')(names.length === 0 ? undefined : names)}
    />
  );
}

const Made = ({ source: { name, format, token } }: { source: Source }) => (
  <Stack maw={860}>
    <ShownOnce token={token!} what={name} />
    <SnippetSection format={format} token={token} />
    <Group>
      <Button component={AppLink} to={sourcePath(name)}>
        Go to {name}
      </Button>
    </Group>
  </Stack>
);

export const NewSource = () => (
  <New title="New source">
    {(mappings) => <SourceForm mappings={mappings} saved={{ name: '', params: {} }} />}
  </New>
);

export function EditSource() {
  const name = usePathPart('name');
  return (
    <Edited kind="sources" name={name} what="source">
      {(saved, stored, mappings) => <SourceForm mappings={mappings} saved={saved} stored={stored} />}
    </Edited>
  );
}
