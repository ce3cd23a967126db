/** What a person may do with one execution. */
import { Alert, Button, Group, NativeSelect, Textarea } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answer, client } from '../../api/client';
import { wordsOf } from '../../api/problem';
import type { Execution, ExecutionStatus } from '../../api/shapes';
import { useMay } from '../../app/rights';
import { Problems, ProblemsOf, useProblems } from '../../forms/problems';
import { required } from '../../forms/required';
import { Ask } from '../../parts/ask';

const RETRYABLE = new Set<string>(['failed', 'unknown', 'cancelled'] satisfies ExecutionStatus[]);
const CANCELLABLE = new Set<string>([
  'queued',
  'awaiting_approval',
  'waiting',
  'held',
] satisfies ExecutionStatus[]);
/** What a person may say the end of. */
const RESOLVABLE = new Set<string>(['unknown', 'held'] satisfies ExecutionStatus[]);

export const isRetryable = (status: string): boolean => RETRYABLE.has(status);

export type Deed = 'retry' | 'cancel' | 'approve' | 'reject';

/** Does something with an execution; `isPending` until the list has it, so that a double tap does it once. */
export function useDeed(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ deed, note }: { deed: Deed; note?: string }) =>
      answer<Execution>(
        client.POST(`/api/v1/executions/{id}/${deed}` as '/api/v1/executions/{id}/retry', {
          params: { path: { id } },
          ...(note ? { body: { note } as never } : {}),
        }),
      ),
    onSettled: () => queries.invalidateQueries({ queryKey: ['executions'] }),
  });
}

/** Lets an execution go on that is held since the database was restored. */
function useResume(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async () => {
      const { changed } = await answer<{ changed: { detail: string }[] }>(
        client.POST('/api/v1/executions/resume', { body: { executions: [id], dryRun: false } }),
      );
      if (changed[0] !== undefined) throw new Error(changed[0].detail);
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ['executions'] }),
  });
}

export function ExecutionDeeds({ execution: { id, kind, status, action } }: { execution: Execution }) {
  const mayAct = useMay('operator');
  const deed = useDeed(id);
  const resume = useResume(id);
  const [isResolving, resolve] = useState(false);
  const act = (what: Deed) => {
    if (!deed.isPending) deed.mutate({ deed: what });
  };
  if (!mayAct) return null;
  return (
    <>
      {deed.isError || resume.isError ? (
        <Alert color="red" role="alert">
          {wordsOf(deed.error ?? resume.error)}
        </Alert>
      ) : null}
      <Group gap="xs">
        {RESOLVABLE.has(status) ? (
          <Button variant="default" onClick={() => resolve(true)}>
            Resolve
          </Button>
        ) : null}
        {status === 'held' ? (
          <Button variant="default" onClick={() => resume.mutate()} aria-busy={resume.isPending}>
            Go on
          </Button>
        ) : null}
        {isRetryable(status) && kind !== 'test' ? (
          <Button variant="default" onClick={() => act('retry')} aria-busy={deed.isPending}>
            Retry
          </Button>
        ) : null}
        {CANCELLABLE.has(status) ? (
          <Button variant="default" onClick={() => act('cancel')} aria-busy={deed.isPending}>
            Cancel
          </Button>
        ) : null}
      </Group>
      <Resolve id={id} action={action} isOpen={isResolving} onClose={() => resolve(false)} />
    </>
  );
}

const ENDS = [
  { value: 'succeeded', label: 'It has happened: succeeded' },
  { value: 'failed', label: 'It has not happened: failed' },
];

interface ResolveProps {
  id: string;
  action: string;
  isOpen: boolean;
  onClose: () => void;
}

function Resolve({ id, action, isOpen, onClose }: ResolveProps) {
  const queries = useQueryClient();
  const [status, setStatus] = useState<'succeeded' | 'failed'>('succeeded');
  const [note, setNote] = useState('');
  const [error, setError] = useState<unknown>(null);
  const problems = useProblems(error);
  const act = async () => {
    setError(null);
    try {
      await answer(
        client.POST('/api/v1/executions/{id}/resolve', { params: { path: { id } }, body: { status, note } }),
      );
    } catch (problem) {
      setError(problem);
      throw problem;
    }
    await queries.invalidateQueries({ queryKey: ['executions'] });
  };
  return (
    <Ask
      isOpen={isOpen}
      onClose={onClose}
      title={`What came of ${action}?`}
      verb="Resolve"
      saysProblems={false}
      act={act}
    >
      <ProblemsOf value={problems}>
        <p style={{ margin: 0 }}>
          It was sent, and nobody can tell what came of it. Look at its target, and say.
        </p>
        <Problems problems={problems} />
        <NativeSelect
          {...problems.field('/status')}
          label="Outcome"
          data={ENDS}
          value={status}
          onChange={(event) => setStatus(event.currentTarget.value as 'succeeded')}
        />
        <Textarea
          {...problems.field('/note')}
          label="Note"
          description="How you know"
          {...required}
          autosize
          value={note}
          onChange={(event) => setNote(event.currentTarget.value)}
        />
      </ProblemsOf>
    </Ask>
  );
}
