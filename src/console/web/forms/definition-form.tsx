/** Frame of the form of one definition: what is edited, saving it, its problems, and somebody else's change meanwhile. */
import { Button, Group, Stack, Textarea, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useMemo, useState, type ReactNode } from 'react';
import { saveDefinition, type Kind, type StoredVersion } from '../api/lists';
import { Problem } from '../api/problem';
import { AppLink } from '../app/link';
import { noteUnsaved } from '../app/sign-in-again';
import { AsText } from './as-text';
import { ChangedMeanwhile } from './changed-meanwhile';
import { Form } from './form';
import { MapField } from './map-field';
import { NumberField } from './number-field';
import { Problems, ProblemsOf, useField, useProblems } from './problems';
import { required } from './required';
import { withMember, type JsonObject } from './values';

/** What the fields of a form read and change. */
export interface Draft {
  definition: JsonObject;
  set: (name: string) => (value: unknown) => void;
  change: (definition: JsonObject) => void;
}

interface DefinitionFormProps<T> {
  kind: Kind;
  /** Definition that the form begins with. */
  saved: JsonObject;
  /** What is stored, of one that is there. */
  stored?: StoredVersion;
  onSaved: (made: T) => unknown;
  /** Page to which "Cancel" leads. */
  cancelTo: string;
  children: (draft: Draft) => ReactNode;
}

/** Kinds that rules as code have. */
const IN_FILES = new Set<Kind>(['actions', 'infrastructures', 'sources', 'contacts']);

export function DefinitionForm<T>({
  kind,
  saved,
  stored,
  onSaved,
  cancelTo,
  children,
}: DefinitionFormProps<T>) {
  const [definition, setDefinition] = useState(saved);
  const [etag, setEtag] = useState(stored?.etag ?? null);
  const [isUnsaved, setUnsaved] = useState(false);
  const queries = useQueryClient();
  const body = useMemo(() => filled(definition), [definition]);
  const save = useMutation({
    mutationFn: () => saveDefinition<T>(kind, body, stored && { ...stored, etag }),
    onSuccess: async (made) => {
      setUnsaved(false);
      await queries.invalidateQueries({ queryKey: [kind] });
      await onSaved(made);
    },
  });
  useEffect(() => (isUnsaved ? noteUnsaved() : undefined), [isUnsaved]);
  const problems = useProblems(save.error);
  const change = (changed: JsonObject) => {
    setUnsaved(true);
    setDefinition(changed);
  };
  const set = (name: string) => (value: unknown) => {
    setUnsaved(true);
    setDefinition((before) => withMember(before, name, value));
  };
  const isConflict = save.error instanceof Problem && save.error.status === 412;
  return (
    <Form sends={save}>
      <ProblemsOf value={problems}>
        <Stack gap="md" maw={860}>
          {isConflict && stored !== undefined ? (
            <ChangedMeanwhile kind={kind} id={stored.id} mine={body} saved={saved} onKeepMine={setEtag} />
          ) : (
            <Problems problems={problems} />
          )}
          {children({ definition, set, change })}
          <Group>
            <Button type="submit" aria-busy={save.isPending}>
              Save
            </Button>
            <Button variant="default" component={AppLink} to={cancelTo}>
              Cancel
            </Button>
          </Group>
          {IN_FILES.has(kind) ? (
            <AsText
              body={body}
              kind={kind as 'actions'}
              method={stored === undefined ? 'POST' : 'PUT'}
              path={`/api/v1/${kind}${stored === undefined ? '' : `/${stored.id}`}`}
            />
          ) : null}
        </Stack>
      </ProblemsOf>
    </Form>
  );
}

/** What was left empty is not sent: the server has a default for it, or says that it is required. */
export const filled = (definition: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(definition).filter(([, value]) => value !== undefined && value !== ''));

/** Members that are shown and not sent. */
const SHOWN = new Set([
  'id', 'version', 'createdAt', 'updatedAt', 'managedBy', 'state', 'warnings', 'lastSeenAt', 'alertsPerMinute',
]); // prettier-ignore

/** Returns what of something stored is its definition. */
export const definitionOf = (stored: object): JsonObject =>
  Object.fromEntries(Object.entries(stored).filter(([name]) => !SHOWN.has(name)));

interface FieldOfProps {
  draft: Draft;
  name: string;
  label: string;
  description?: string;
  placeholder?: string;
  isRequired?: boolean;
}

const input = ({ name, label, description, placeholder, isRequired }: FieldOfProps) => ({
  name,
  label,
  description,
  placeholder,
  ...(isRequired ? required : {}),
});

const shown = (value: unknown): string => (typeof value === 'string' ? value : '');

export const TextOf = (props: FieldOfProps) => (
  <TextInput
    {...input(props)}
    {...useField(`/${props.name}`)}
    value={shown(props.draft.definition[props.name])}
    onChange={(event) => props.draft.set(props.name)(event.currentTarget.value)}
  />
);

export const LongTextOf = (props: FieldOfProps) => (
  <Textarea
    {...input(props)}
    {...useField(`/${props.name}`)}
    autosize
    value={shown(props.draft.definition[props.name])}
    onChange={(event) => props.draft.set(props.name)(event.currentTarget.value)}
  />
);

export const NumberOf = (props: FieldOfProps) => (
  <NumberField
    {...input(props)}
    {...useField(`/${props.name}`)}
    value={props.draft.definition[props.name]}
    onChange={props.draft.set(props.name)}
  />
);

export const MapOf = ({ draft, name, description }: Omit<FieldOfProps, 'label'>) => (
  <MapField
    name={name}
    schema={{ type: 'object', description }}
    isRequired={false}
    value={draft.definition[name]}
    pointer={`/${name}`}
    onChange={draft.set(name)}
  />
);

/** Name, description and labels, which most definitions have. */
export const NameAndLabels = ({ draft }: { draft: Draft }) => (
  <>
    <TextOf draft={draft} name="name" label="Name" isRequired />
    <LongTextOf
      draft={draft}
      name="description"
      label="Description"
      description="What it is for, for people"
    />
    <MapOf draft={draft} name="labels" description="For filters, rights and templates" />
  </>
);
