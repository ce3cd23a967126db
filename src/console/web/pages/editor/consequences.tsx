/** What a trigger does: actions, mode, and the infrastructure it scales. */
import { Button, Group, MultiSelect, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { actionsQuery, infrastructuresQuery } from '../../api/queries';
import type { Mappings } from '../../api/shapes';
import { ChoiceField } from '../../forms/choice-field';
import { NewActionDialog } from '../../forms/new-action';
import { NumberField } from '../../forms/number-field';
import { useField } from '../../forms/problems';
import { TypeChoice } from '../../forms/type-choice';
import { isObject, type JsonObject } from '../../forms/values';

const MODES = [
  { value: 'auto', label: 'Auto: acts' },
  { value: 'approve', label: 'Approve: waits for a person' },
  { value: 'shadow', label: 'Shadow: everything but the act' },
];
const MISSING = [
  { value: 'hold', label: 'Hold: nothing triggers, the hold stands still' },
  { value: 'reset', label: 'Reset: hold and alarm begin anew' },
  { value: 'breach', label: 'Breach: the condition counts as true' },
  { value: 'ok', label: 'OK: the condition counts as false' },
];

interface ConsequencesProps {
  mappings: Mappings;
  definition: JsonObject;
  set: (name: string) => (value: unknown) => void;
}

export function Consequences({ mappings, definition, set }: ConsequencesProps) {
  return (
    <>
      <ActionsField mappings={mappings} definition={definition} set={set} />
      <ChoiceField
        {...useField('/mode')}
        label="Mode"
        choices={MODES}
        value={textOf(definition.mode, 'auto')}
        onChange={set('mode')}
      />
      <ChoiceField
        {...useField('/missingData')}
        label="Missing data"
        description="What it means when a metric can not be read"
        choices={MISSING}
        value={textOf(definition.missingData, 'hold')}
        onChange={set('missingData')}
      />
      <ChoiceField
        {...useField('/repeat')}
        label="Repeat"
        choices={[
          { value: 'true', label: 'Triggers again while the condition stays true' },
          { value: 'false', label: 'Triggers once, until it has recovered' },
        ]}
        value={definition.repeat === false ? 'false' : 'true'}
        onChange={(chosen) => set('repeat')(chosen === 'true')}
      />
      <Scaling mappings={mappings} definition={definition} set={set} />
    </>
  );
}

const textOf = (value: unknown, otherwise: string): string => (typeof value === 'string' ? value : otherwise);

function ActionsField({ mappings, definition, set }: ConsequencesProps) {
  const { data: actions } = useQuery(actionsQuery);
  const [isMaking, make] = useState(false);
  const chosen = Array.isArray(definition.actions) ? definition.actions.map(String) : [];
  const names = new Set([...(actions ?? []).map(({ name }) => name), ...chosen]);
  return (
    <Group align="flex-end" gap="sm">
      <MultiSelect
        {...useField('/actions')}
        style={{ flex: 1, minWidth: 200 }}
        label="Actions"
        description="Each is executed once per trigger"
        searchable
        data={[...names]}
        value={chosen}
        onChange={set('actions')}
      />
      <Button variant="default" onClick={() => make(true)}>
        New action
      </Button>
      <NewActionDialog
        mappings={mappings}
        isOpen={isMaking}
        onClose={() => make(false)}
        onMade={(name) => set('actions')([...chosen, name])}
      />
    </Group>
  );
}

function Scaling({ mappings, definition, set }: ConsequencesProps) {
  const { data: infrastructures } = useQuery(infrastructuresQuery);
  const infrastructure = useField('/infrastructure');
  const direction = useField('/direction');
  const approval = useField('/approvalTtlSeconds');
  const scales = typeof definition.infrastructure === 'string';
  return (
    <Stack gap="md">
      <ChoiceField
        {...infrastructure}
        label="Infrastructure"
        description="That it scales, if any"
        isOptional
        choices={(infrastructures ?? []).map(({ name }) => ({ value: name, label: name }))}
        value={scales ? String(definition.infrastructure) : undefined}
        onChange={set('infrastructure')}
      />
      {scales ? (
        <>
          <ChoiceField
            {...direction}
            label="Direction"
            choices={[
              { value: 'up', label: 'Up' },
              { value: 'down', label: 'Down' },
            ]}
            value={scales ? (definition.direction as string | undefined) : undefined}
            onChange={set('direction')}
          />
          <fieldset className="group">
            <legend>Policy</legend>
            <Stack gap="sm">
              <TypeChoice
                entries={mappings.policies}
                value={isObject(definition.policy) ? definition.policy : { type: 'fixed' }}
                pointer="/policy"
                onChange={set('policy')}
              />
            </Stack>
          </fieldset>
        </>
      ) : null}
      {definition.mode === 'approve' ? (
        <NumberField
          {...approval}
          label="Approval time"
          description="How long an approval may be given (seconds)"
          placeholder="900"
          value={definition.approvalTtlSeconds}
          onChange={set('approvalTtlSeconds')}
        />
      ) : null}
    </Stack>
  );
}
