import { Group, Modal, Stack, TextInput, Button, Alert } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { wordsOf } from '../../api/problem';
import { changeServices, type BulkResult, type BulkSelect } from '../../api/services';
import { useSettled } from '../../app/settled';
import { ChoiceField } from '../../forms/choice-field';
import { Waiting } from '../../parts/page';
import { Form } from '../../forms/form';

export type Deed = 'Enable' | 'Disable' | 'Mode' | 'Labels' | 'Delete';

interface BulkDialogProps {
  deed: Deed;
  select: BulkSelect;
  onClose: () => void;
  /** Called when the change is done, whatever came of it. */
  onDone: () => void;
}

const FAILURES_SHOWN = 20;

/** Says how many it would change and what would fail, before; and what came of it, after. */
export const BulkDialog = (props: BulkDialogProps) => (
  <Modal opened onClose={props.onClose} title={TITLES[props.deed]} size="lg">
    <BulkForm {...props} />
  </Modal>
);

const TITLES: Record<Deed, string> = {
  Enable: 'Enable services',
  Disable: 'Disable services',
  Mode: 'Set the mode of services',
  Labels: 'Set a label of services',
  Delete: 'Delete services',
};

const MODES = [
  { value: 'auto', label: 'Auto: acts' },
  { value: 'approve', label: 'Approve: waits for a person' },
  { value: 'shadow', label: 'Shadow: everything but the act' },
];

function BulkForm({ deed, select, onClose, onDone }: BulkDialogProps) {
  const [mode, setMode] = useState('auto');
  const [label, setLabel] = useState({ name: '', value: '' });
  const queries = useQueryClient();
  const body = bodyOf(deed, mode, label);
  // What is selected stays what it was when the dialog was opened.
  const [chosen] = useState(select);
  const act = useMutation({
    mutationFn: () => changeServices(chosen, body!, false),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['services'] }),
  });
  const settled = useSettled(JSON.stringify(body ?? null), 300);
  const tried = useQuery({
    queryKey: ['services', 'bulk', chosen, settled],
    queryFn: () => changeServices(chosen, JSON.parse(settled) as object, true),
    enabled: settled !== 'null' && act.isIdle,
    refetchInterval: false,
    staleTime: 0,
    gcTime: 0,
  });
  if (act.isSuccess)
    return (
      <Stack>
        <p className="text" role="status">
          <b>
            {act.data.succeeded} of {act.data.matched}
          </b>{' '}
          {DONE[deed]}.
        </p>
        <Failures result={act.data} />
        <Group justify="flex-end">
          <Button
            data-autofocus
            onClick={() => {
              onDone();
              onClose();
            }}
          >
            Close
          </Button>
        </Group>
      </Stack>
    );
  const failed = act.error ?? tried.error;
  return (
    <Form sends={act} isReady={body !== undefined}>
      <Stack>
        {deed === 'Mode' ? (
          <ChoiceField
            label="Mode"
            choices={MODES}
            value={mode}
            onChange={(value = 'auto') => setMode(value)}
          />
        ) : null}
        {deed === 'Labels' ? (
          <Group grow>
            <TextInput
              label="Label"
              description="Its name"
              data-autofocus
              value={label.name}
              onChange={(event) => setLabel({ ...label, name: event.currentTarget.value })}
            />
            <TextInput
              label="Value"
              description="Left empty, the label is removed"
              value={label.value}
              onChange={(event) => setLabel({ ...label, value: event.currentTarget.value })}
            />
          </Group>
        ) : null}
        {tried.isFetching ? <Waiting /> : null}
        {tried.data === undefined || act.isPending ? null : (
          <>
            <p className="text" role="status">
              <b>
                {tried.data.succeeded} of {tried.data.matched}
              </b>{' '}
              {WOULD[deed]}.
            </p>
            <Failures result={tried.data} />
          </>
        )}
        {failed === null ? null : (
          <Alert color="red" role="alert">
            {wordsOf(failed)}
          </Alert>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" color={deed === 'Delete' ? 'red.9' : undefined} aria-busy={act.isPending}>
            {VERBS[deed]} {tried.data?.succeeded ?? ''}
          </Button>
        </Group>
      </Stack>
    </Form>
  );
}

const VERBS: Record<Deed, string> = {
  Enable: 'Enable',
  Disable: 'Disable',
  Mode: 'Set the mode of',
  Labels: 'Set the label of',
  Delete: 'Delete',
};
const WOULD: Record<Deed, string> = {
  Enable: 'would be enabled',
  Disable: 'would be disabled: not evaluated, and never triggering',
  Mode: 'would have this mode',
  Labels: 'would be labelled so',
  Delete: 'would be deleted, with what they have decided',
};
const DONE: Record<Deed, string> = {
  Enable: 'are enabled',
  Disable: 'are disabled',
  Mode: 'have this mode',
  Labels: 'are labelled so',
  Delete: 'are deleted',
};

/** Returns what is asked of the API; undefined while something is not said yet. */
function bodyOf(
  deed: Deed,
  mode: string,
  { name, value }: { name: string; value: string },
): object | undefined {
  if (deed === 'Delete') return { delete: true };
  if (deed === 'Mode') return { change: { mode } };
  if (deed === 'Labels')
    return name === ''
      ? undefined
      : { change: { labels: Object.fromEntries([[name, value === '' ? null : value]]) } };
  return { change: { enabled: deed === 'Enable' } };
}

function Failures({ result: { failed } }: { result: BulkResult }) {
  if (failed.length === 0) return null;
  const more = failed.length - FAILURES_SHOWN;
  return (
    <div>
      <b>{failed.length} can not be:</b>
      <ul className="plain" aria-label="What fails">
        {failed.slice(0, FAILURES_SHOWN).map(({ id, name, detail }) => (
          <li key={id}>
            <span dir="auto">{name}</span>: {detail}
          </li>
        ))}
        {more > 0 ? <li>and {more} more</li> : null}
      </ul>
    </div>
  );
}
