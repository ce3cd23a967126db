import { Button, Checkbox, PasswordInput, TagsInput } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { deleteDefinition, type StoredVersion } from '../../api/lists';
import type { User } from '../../api/people';
import { usePathPart } from '../../app/path-part';
import { useMayWhole } from '../../app/rights';
import { DefinitionForm, TextOf, type Draft } from '../../forms/definition-form';
import { useField } from '../../forms/problems';
import { required } from '../../forms/required';
import type { JsonObject } from '../../forms/values';
import { Ask } from '../../parts/ask';
import { Edited } from '../../parts/definition-page';
import { NotYours, Page } from '../../parts/page';

function UserForm({ saved, stored }: { saved: JsonObject; stored?: StoredVersion }) {
  const navigate = useNavigate();
  return (
    <DefinitionForm<User>
      kind="users"
      saved={saved}
      stored={stored}
      onSaved={() => navigate({ to: '/people' })}
      cancelTo="/people"
    >
      {(draft) => (
        <>
          <TextOf draft={draft} name="name" label="Username" isRequired />
          <TextOf draft={draft} name="displayName" label="Name for people" />
          <TextOf draft={draft} name="email" label="E-mail" description="Nobody is known by it" />
          <Groups draft={draft} />
          <Password draft={draft} isNew={stored === undefined} />
          <Disabled draft={draft} />
        </>
      )}
    </DefinitionForm>
  );
}

const Groups = ({ draft: { definition, set } }: { draft: Draft }) => (
  <TagsInput
    {...useField('/groups')}
    label="Groups"
    description="By which grants can name the user"
    splitChars={[',']}
    acceptValueOnBlur
    value={Array.isArray(definition.groups) ? definition.groups.map(String) : []}
    onChange={set('groups')}
  />
);

const Password = ({ draft: { definition, set }, isNew }: { draft: Draft; isNew: boolean }) => (
  <PasswordInput
    {...useField('/password')}
    label="Password"
    description={`At least 12 characters${isNew ? '' : '; left empty, it stays as it is'}`}
    {...(isNew ? required : {})}
    autoComplete="new-password"
    value={typeof definition.password === 'string' ? definition.password : ''}
    onChange={(event) => set('password')(event.currentTarget.value || undefined)}
  />
);

const Disabled = ({ draft: { definition, set } }: { draft: Draft }) => (
  <Checkbox
    {...useField('/disabled')}
    label="Disabled"
    description="May not sign in; sessions and tokens are void"
    checked={definition.disabled === true}
    onChange={(event) => set('disabled')(event.currentTarget.checked)}
  />
);

export function NewUser() {
  const isAdmin = useMayWhole('admin');
  if (!isAdmin) return <NotYours />;
  return (
    <Page title="New user">
      <UserForm saved={{ name: '' }} />
    </Page>
  );
}

export function EditUser() {
  const name = usePathPart('name');
  const isAdmin = useMayWhole('admin');
  if (!isAdmin) return <NotYours />;
  return (
    <Edited kind="users" name={name} what="user">
      {(saved, stored) => (
        <>
          <UserForm saved={saved} stored={stored} />
          <DeleteUser id={stored.id} name={String(saved.name)} />
        </>
      )}
    </Edited>
  );
}

function DeleteUser({ id, name }: { id: string; name: string }) {
  const [isAsking, ask] = useState(false);
  const navigate = useNavigate();
  return (
    <>
      <Button variant="default" mt="lg" onClick={() => ask(true)}>
        Delete
      </Button>
      <Ask
        isOpen={isAsking}
        onClose={() => ask(false)}
        title={`Delete ${name}`}
        verb="Delete"
        isDangerous
        act={async () => {
          await deleteDefinition('users', id);
          await navigate({ to: '/people' });
        }}
      >
        Sessions, grants and tokens of {name} go, too. What {name} did stays in the audit.
      </Ask>
    </>
  );
}
