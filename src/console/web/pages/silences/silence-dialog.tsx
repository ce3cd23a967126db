/** Silences in two clicks, from wherever services are: an hour, if nothing else is said. */
import { Button, Group, Modal, Stack, Textarea } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { saveDefinition } from '../../api/lists';
import type { Silence, SilenceMatch } from '../../api/shapes';
import { AppLink } from '../../app/link';
import { labelFilter } from '../../app/label-filter';
import { ChoiceField } from '../../forms/choice-field';
import { Form } from '../../forms/form';
import { Problems, ProblemsOf, useProblems } from '../../forms/problems';
import { required } from '../../forms/required';
import { after, HOUR_MS } from './ends';
import { Preview } from './preview';

interface SilenceDialogProps {
  /** Name of what is silenced: "demo", "12 services". */
  what: string;
  match: SilenceMatch;
  /** Reason to begin with, which one may replace. */
  reason?: string;
  onClose: () => void;
}

export const SilenceDialog = (props: SilenceDialogProps) => (
  <Modal opened onClose={props.onClose} title={`Silence ${props.what}`} size="lg">
    <SilenceForm {...props} />
  </Modal>
);

const LENGTHS = [
  { value: '1', label: '1 hour' },
  { value: '4', label: '4 hours' },
  { value: '24', label: '1 day' },
];

function SilenceForm({ match, reason: first = '', onClose }: SilenceDialogProps) {
  const [reason, setReason] = useState(first);
  const [hasFirst, noteFirst] = useState(first !== '');
  // What it begins with may come later than the dialog; what it becomes then moves nothing any more.
  if (!hasFirst && first !== '') {
    noteFirst(true);
    if (reason === '') setReason(first);
  }
  const [hours, setHours] = useState('1');
  const queries = useQueryClient();
  const silence = (endsAt: string) => ({ match, reason, endsAt });
  const [shownEnd, setShownEnd] = useState(() => after(HOUR_MS));
  const save = useMutation({
    // Its time begins when it is asked for, not when the dialog was opened.
    mutationFn: () => saveDefinition<Silence>('silences', silence(after(Number(hours) * HOUR_MS)), undefined),
    onSuccess: async () => {
      onClose();
      await queries.invalidateQueries({ queryKey: ['silences'] });
      await queries.invalidateQueries({ queryKey: ['services'] });
    },
  });
  const problems = useProblems(save.error);
  return (
    <Form sends={save} isReady={!save.isSuccess}>
      <ProblemsOf value={problems}>
        <Stack>
          <Problems problems={problems} title="This is not silenced" />
          <Textarea
            {...problems.field('/reason')}
            {...required}
            label="Reason"
            description="Why, for whoever wonders"
            autosize
            data-autofocus
            onFocus={(event) => event.currentTarget.select()}
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value)}
          />
          <ChoiceField
            {...problems.field('/endsAt')}
            label="For"
            choices={LENGTHS}
            value={hours}
            onChange={(chosen = '1') => {
              setHours(chosen);
              setShownEnd(after(Number(chosen) * HOUR_MS));
            }}
          />
          <Preview silence={silence(shownEnd)} />
          <Group justify="flex-end">
            {match.services !== undefined && match.services.length > LINKED_AT_MOST ? null : (
              <AppLink to="/silences/new" search={linked(match)}>
                More choices
              </AppLink>
            )}
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" aria-busy={save.isPending}>
              Silence
            </Button>
          </Group>
        </Stack>
      </ProblemsOf>
    </Form>
  );
}

/** Names that a URL has room for. */
const LINKED_AT_MOST = 20;

const linked = ({ services, labels }: SilenceMatch) => ({
  service: services,
  label: labels && Object.entries(labels).map(([key, value]) => labelFilter(key, value)),
});
