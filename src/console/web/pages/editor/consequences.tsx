/** What a trigger does: actions, mode, and the infrastructure it scales. */
import { Button, Group, MultiSelect, NativeSelect, Select, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { actionsQuery, infrastructuresQuery } from '../../api/queries';
import type { Mappings } from '../../api/shapes';
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
      <NativeSelect
        {...useField('/mode')}
        label="Mode"
        data={MODES}
        value={String(definition.mode ?? 'auto')}
        onChange={(event) => set('mode')(event.currentTarget.value)}
      />
      <NativeSelect
        {...useField('/missingData')}
        label="Missing data"
        description="What it means when a metric can not be read"
        data={MISSING}
        value={String(definition.missingData ?? 'hold')}
        onChange={(event) => set('missingData')(event.currentTarget.value)}
      />
      <NativeSelect
        {...useField('/repeat')}
        label="Repeat"
        data={[
          { value: 'true', label: 'Triggers again while the condition stays true' },
          { value: 'false', label: 'Triggers once, until it has recovered' },
        ]}
        value={String(definition.repeat ?? true)}
        onChange={(event) => set('repeat')(event.currentTarget.value === 'true')}
      />
      <Scaling mappings={mappings} definition={definition} set={set} />
    </>
  );
}

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
      <Select
        {...infrastructure}
        label="Infrastructure"
        description="That it scales, if any"
        clearable
        searchable
        data={(infrastructures ?? []).map(({ name }) => name)}
        value={scales ? String(definition.infrastructure) : null}
        onChange={(name) => set('infrastructure')(name ?? undefined)}
      />
      {scales ? (
        <>
          <NativeSelect
            {...direction}
            label="Direction"
            data={[
              { value: '', label: '' },
              { value: 'up', label: 'Up' },
              { value: 'down', label: 'Down' },
            ]}
            value={String(definition.direction ?? '')}
            onChange={(event) => set('direction')(event.currentTarget.value || undefined)}
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
