import { Button, Group, Modal, Stack, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answer, client } from '../api/client';
import type { Action, Mappings } from '../api/shapes';
import { Form } from './form';
import { Problems, ProblemsOf, useProblems } from './problems';
import { required } from './required';
import { TypeChoice } from './type-choice';
import type { JsonObject } from './values';

interface NewActionProps {
  mappings: Mappings;
  onClose: () => void;
  /** Gets the name of the action that was made. */
  onMade: (name: string) => void;
}

/** Makes an action without leaving what one is at. */
export const NewActionDialog = ({ isOpen, ...props }: NewActionProps & { isOpen: boolean }) => (
  <Modal opened={isOpen} onClose={props.onClose} title="New action" size="lg">
    <NewAction {...props} />
  </Modal>
);

function NewAction({ mappings, onClose, onMade }: NewActionProps) {
  const [name, setName] = useState('');
  const [choice, setChoice] = useState<JsonObject>({});
  const queries = useQueryClient();
  const save = useMutation({
    mutationFn: () =>
      answer<Action>(client.POST('/api/v1/actions', { body: { params: {}, ...choice, name } as never })),
    onSuccess: async (action) => {
      await queries.invalidateQueries({ queryKey: ['actions'] });
      onMade(action.name);
      onClose();
    },
  });
  const problems = useProblems(save.error);
  return (
    <Form sends={save}>
      <ProblemsOf value={problems}>
        <Stack>
          <Problems problems={problems} />
          <TextInput
            {...problems.field('/name')}
            label="Name"
            {...required}
            data-autofocus
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <TypeChoice entries={mappings.actions} value={choice} pointer="" onChange={setChoice} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" aria-busy={save.isPending}>
              Save action
            </Button>
          </Group>
        </Stack>
      </ProblemsOf>
    </Form>
  );
}
