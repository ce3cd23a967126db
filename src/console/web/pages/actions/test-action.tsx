/** Test of an action: what it would send, or what came of sending it. */
import { Alert, Button, Group, Stack } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answer, client } from '../../api/client';
import { AppLink } from '../../app/link';
import { executionPath } from '../../app/paths';
import { JsonField } from '../../forms/json-field';
import { Problems, ProblemsOf, useProblems } from '../../forms/problems';
import { Ask } from '../../parts/ask';
import { Json } from '../../parts/json';
import { Section } from '../../parts/section';

interface Tested {
  dryRun: boolean;
  execution?: string;
  request?: Record<string, unknown>;
  outcome?: string;
  error?: string;
  detail?: string;
}

const EXAMPLE = {
  service: { name: 'web-cpu-high' },
  nodes: { current: 2, desired: 3, delta: 1, direction: 'up' },
};

export function TestAction({ id, name }: { id: string; name: string }) {
  const [variables, setVariables] = useState<unknown>();
  const [isAsking, ask] = useState(false);
  const queries = useQueryClient();
  const test = useMutation({
    mutationFn: (dryRun: boolean) =>
      answer<Tested>(
        client.POST('/api/v1/actions/{ref}/test', {
          params: { path: { ref: id } },
          body: { dryRun, variables: (variables ?? {}) as Record<string, never> },
        }),
      ),
    onSuccess: ({ dryRun }) => (dryRun ? undefined : queries.invalidateQueries({ queryKey: ['executions'] })),
  });
  const problems = useProblems(test.error);
  return (
    <Section title="Test">
      <ProblemsOf value={problems}>
        <Stack gap="sm" maw={860}>
          <p className="hint">
            Shows the request with a sample of a trigger, secrets masked. "Send it" makes one attempt and
            waits for what comes of it.
          </p>
          <details className="fold">
            <summary>Variables of its templates</summary>
            <JsonField
              name="variables"
              schema={{ description: `In place of the sample: ${JSON.stringify(EXAMPLE)}` }}
              isRequired={false}
              value={variables}
              pointer="/variables"
              onChange={setVariables}
            />
          </details>
          <Problems problems={problems} title="This was not tested" />
          <Group>
            <Button variant="default" onClick={() => test.mutate(true)} aria-busy={test.isPending}>
              Show the request
            </Button>
            <Button variant="default" onClick={() => ask(true)}>
              Send it
            </Button>
          </Group>
          <div aria-live="polite">{test.data === undefined ? null : <Outcome tested={test.data} />}</div>
        </Stack>
      </ProblemsOf>
      <Ask
        isOpen={isAsking}
        onClose={() => ask(false)}
        title={`Send ${name} once`}
        verb="Send it"
        act={() => test.mutateAsync(false)}
      >
        This is no dry run: its target is called, once.
      </Ask>
    </Section>
  );
}

const OUTCOMES: Record<string, string> = {
  succeeded: 'It succeeded',
  accepted: 'The target accepted it',
  permanent: 'It failed, and would fail again',
  retryable: 'It failed; another try may succeed',
  ambiguous: 'Nobody can tell whether it happened',
};

function Outcome({ tested: { dryRun, execution, request, outcome, error, detail } }: { tested: Tested }) {
  const isGood = error === undefined;
  return (
    <Stack gap="xs">
      {dryRun && isGood ? <p className="hint">This would be sent:</p> : null}
      {outcome === undefined ? null : (
        <Alert color={isGood ? 'green' : 'red'} variant="outline" title={OUTCOMES[outcome] ?? outcome}>
          {error ?? detail}{' '}
          {execution === undefined ? null : <AppLink to={executionPath(execution)}>The execution</AppLink>}
        </Alert>
      )}
      {request === undefined ? null : <Json value={request} name="Request" />}
    </Stack>
  );
}
