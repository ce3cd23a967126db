import { Checkbox, NativeSelect } from '@mantine/core';
import type { Draft } from '../../forms/definition-form';
import { MapField } from '../../forms/map-field';
import { useField } from '../../forms/problems';
import { isObject } from '../../forms/values';

const ROLES = [
  { value: '', label: 'None: approvals alone' },
  { value: 'viewer', label: 'Viewer: reads' },
  { value: 'operator', label: 'Operator: also retries, ends wisdom time, stops everything' },
  { value: 'editor', label: 'Editor: also changes services, actions and infrastructures' },
  { value: 'admin', label: 'Admin: also people, sources and the audit' },
];

/** What a grant or a token gives. */
export function RightsFields({ draft: { definition, set } }: { draft: Draft }) {
  const role = useField('/role');
  const approve = useField('/approve');
  const scope = isObject(definition.scope) ? definition.scope : {};
  return (
    <>
      <NativeSelect
        {...role}
        label="Role"
        data={ROLES}
        value={typeof definition.role === 'string' ? definition.role : ''}
        onChange={(event) => set('role')(event.currentTarget.value || undefined)}
      />
      <Checkbox
        {...approve}
        label="May approve and reject, which no role includes"
        checked={definition.approve === true}
        onChange={(event) => set('approve')(event.currentTarget.checked)}
      />
      <MapField
        name="scope"
        schema={{ type: 'object', description: 'For what has these labels; without any, for everything' }}
        isRequired={false}
        value={scope.labels}
        pointer="/scope"
        onChange={(labels) => set('scope')(labels === undefined ? undefined : { labels })}
      />
    </>
  );
}
