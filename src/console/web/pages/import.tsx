/** Import of definitions with its plan, and export of all of them. */
import { Alert, Button, Group, Stack, Textarea } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { importDocument, type Plan } from '../api/transfer';
import { below } from '../app/base';
import { useMay } from '../app/rights';
import { Problems, ProblemsOf, useProblems } from '../forms/problems';
import { Page } from '../parts/page';
import { Section } from '../parts/section';
import { PlanShown } from './import/plan-shown';

export function ImportPage() {
  const mayImport = useMay('editor');
  return (
    <Page title="Import and export">
      <Stack gap="lg" maw={860}>
        {mayImport ? <Import /> : null}
        <Export />
      </Stack>
    </Page>
  );
}

function Import() {
  const [text, setText] = useState('');
  const file = useId();
  const queries = useQueryClient();
  const plan = useMutation({ mutationFn: () => importDocument(text, true) });
  const apply = useMutation({
    mutationFn: () => importDocument(text, false),
    onSuccess: () => queries.invalidateQueries(),
  });
  const problems = useProblems(apply.error ?? plan.error);
  const forget = () => {
    plan.reset();
    apply.reset();
  };
  return (
    <Section title="Import">
      <ProblemsOf value={problems}>
        <Stack gap="sm">
          <p className="hint">
            A document of definitions as YAML or JSON: an export of here, a file of rules, or what monscale
            2014 exported. It creates and changes, all or nothing; it deletes nothing.
          </p>
          <Problems problems={problems} title="This can not be imported" />
          <Textarea
            {...problems.field('')}
            label="Document"
            styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
            autosize
            minRows={6}
            maxRows={20}
            value={text}
            onChange={(event) => {
              forget();
              setText(event.currentTarget.value);
            }}
          />
          <div>
            <label htmlFor={file}>Or a file: </label>
            <input
              id={file}
              type="file"
              accept=".json,.yaml,.yml"
              onChange={(event) => {
                const [chosen] = event.currentTarget.files ?? [];
                forget();
                void chosen?.text().then(setText);
              }}
            />
          </div>
          <Group>
            <Button variant="default" onClick={() => plan.mutate()} aria-busy={plan.isPending}>
              Show the plan
            </Button>
          </Group>
          <div aria-live="polite">
            {apply.data === undefined ? (
              plan.data === undefined ? null : (
                <Planned plan={plan.data} onImport={() => apply.mutate()} isBusy={apply.isPending} />
              )
            ) : (
              <>
                <Alert color="green" variant="outline" title="It is imported" mb="sm" />
                <PlanShown plan={apply.data} />
              </>
            )}
          </div>
        </Stack>
      </ProblemsOf>
    </Section>
  );
}

interface PlannedProps {
  plan: Plan;
  onImport: () => void;
  isBusy: boolean;
}

function Planned({ plan, onImport, isBusy }: PlannedProps) {
  const count = plan.created.length + plan.updated.length;
  return (
    <Stack gap="sm">
      <PlanShown plan={plan} />
      {plan.errors.length > 0 ? null : count === 0 ? (
        <p className="hint">Nothing would change.</p>
      ) : (
        <Group>
          <Button onClick={onImport} aria-busy={isBusy}>
            Import {count} {count === 1 ? 'definition' : 'definitions'}
          </Button>
        </Group>
      )}
    </Stack>
  );
}

const Export = () => (
  <Section title="Export">
    <p className="hint">
      Every definition you may see, as one document, ordered by name. Secrets are left out.
    </p>
    <Group>
      <Button
        variant="default"
        component="a"
        href={below('/api/v1/export?format=yaml')}
        download="monscale.yaml"
      >
        Export as YAML
      </Button>
      <Button
        variant="default"
        component="a"
        href={below('/api/v1/export?format=json')}
        download="monscale.json"
      >
        Export as JSON
      </Button>
    </Group>
  </Section>
);
