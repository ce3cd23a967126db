import { Button, Group, Modal, NativeSelect, Stack, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { saveDefinition } from '../../api/lists';
import { Form } from '../../forms/form';
import { Problems, ProblemsOf, useField, useProblems } from '../../forms/problems';
import { required } from '../../forms/required';
import { isObject, withMember, type JsonObject } from '../../forms/values';
import { RightsFields } from './rights-fields';

const SUBJECTS = [
  { value: 'user', label: 'A user' },
  { value: 'group', label: 'A group' },
  { value: 'token', label: 'A token, by its id' },
  { value: 'anonymous', label: 'Whoever is not signed in' },
];

interface GrantDialogProps {
  onClose: () => void;
}

export const GrantDialog = ({ isOpen, onClose }: GrantDialogProps & { isOpen: boolean }) => (
  <Modal opened={isOpen} onClose={onClose} title="New grant" size="lg">
    <GrantForm onClose={onClose} />
  </Modal>
);

function GrantForm({ onClose }: GrantDialogProps) {
  const [definition, setDefinition] = useState<JsonObject>({ subject: { user: '' }, role: 'viewer' });
  const queries = useQueryClient();
  const save = useMutation({
    mutationFn: () => saveDefinition('grants', definition, undefined),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['grants'] });
      onClose();
    },
  });
  const problems = useProblems(save.error);
  const set = (name: string) => (value: unknown) =>
    setDefinition((before) => withMember(before, name, value));
  return (
    <Form sends={save}>
      <ProblemsOf value={problems}>
        <Stack>
          <Problems problems={problems} />
          <SubjectFields
            subject={isObject(definition.subject) ? definition.subject : {}}
            onChange={set('subject')}
          />
          <RightsFields draft={{ definition, set, change: setDefinition }} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" aria-busy={save.isPending}>
              Save
            </Button>
          </Group>
        </Stack>
      </ProblemsOf>
    </Form>
  );
}

function SubjectFields({
  subject,
  onChange,
}: {
  subject: JsonObject;
  onChange: (subject: JsonObject) => void;
}) {
  const [kind = 'user'] = Object.keys(subject);
  const whole = useField('/subject');
  const label = SUBJECTS.find(({ value }) => value === kind)?.label ?? 'Who';
  return (
    <>
      <NativeSelect
        label="Who"
        data={SUBJECTS}
        value={kind}
        onChange={({ currentTarget: { value } }) => onChange({ [value]: value === 'anonymous' ? true : '' })}
      />
      {kind === 'anonymous' ? null : (
        <TextInput
          {...whole}
          label={label}
          {...required}
          value={typeof subject[kind] === 'string' ? subject[kind] : ''}
          onChange={(event) => onChange({ [kind]: event.currentTarget.value })}
        />
      )}
    </>
  );
}
