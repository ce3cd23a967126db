/** A question before something is done, in a dialog that names what and how many. */
import { Alert, Button, Group, Modal, Stack } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { wordsOf } from '../api/problem';
import { Form } from '../forms/form';

interface AskProps {
  isOpen: boolean;
  onClose: () => void;
  title: string;
  /** Word on the button: what it does. */
  verb: string;
  isDangerous?: boolean;
  /** Stays open once it is done: to tell what came of it. */
  staysOpen?: boolean;
  /** False where the questions in it say themselves what is wrong. */
  saysProblems?: boolean;
  act: () => Promise<unknown>;
  children: ReactNode;
}

export function Ask({
  isOpen,
  onClose,
  title,
  verb,
  isDangerous = false,
  staysOpen = false,
  saysProblems = true,
  act,
  children,
}: AskProps) {
  const acting = useMutation({ mutationFn: act, onSuccess: staysOpen ? undefined : onClose });
  const close = () => {
    acting.reset();
    onClose();
  };
  return (
    <Modal opened={isOpen} onClose={close} title={title}>
      <Form sends={acting}>
        <Stack>
          {children}
          {acting.isError && saysProblems ? (
            <Alert color="red" role="alert">
              {wordsOf(acting.error)}
            </Alert>
          ) : null}
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              Cancel
            </Button>
            <Button type="submit" color={isDangerous ? 'red.9' : undefined} aria-busy={acting.isPending}>
              {verb}
            </Button>
          </Group>
        </Stack>
      </Form>
    </Modal>
  );
}
