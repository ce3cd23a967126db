import { Group, NativeSelect, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { infrastructuresQuery } from '../../api/queries';
import type { ServicesFilter } from '../../api/services';
import { fromLine, inLine } from '../../app/label-filter';
import type { Search } from '../../app/search';

interface ServiceFiltersProps {
  filter: ServicesFilter;
  onChange: (filters: Search) => void;
  /** Whether choices may be asked for: what the page is about comes first. */
  mayAsk: boolean;
}

const MODES = [
  { value: '', label: 'Any' },
  { value: 'auto', label: 'Auto' },
  { value: 'approve', label: 'Approve' },
  { value: 'shadow', label: 'Shadow' },
];
const ENABLED = [
  { value: '', label: 'Any' },
  { value: 'true', label: 'Enabled' },
  { value: 'false', label: 'Disabled' },
];
const SORTS = [
  { value: '', label: 'Worst first' },
  { value: 'name', label: 'Name' },
  { value: '-updatedAt', label: 'Last changed' },
];

export function ServiceFilters({ filter, onChange, mayAsk }: ServiceFiltersProps) {
  const { data: infrastructures } = useQuery({ ...infrastructuresQuery, enabled: mayAsk });
  const choose = (name: string) => (event: { currentTarget: { value: string } }) =>
    onChange({ [name]: event.currentTarget.value || undefined });
  return (
    <Group gap="sm" align="flex-end" className="filters">
      <NativeSelect label="Mode" data={MODES} value={filter.mode ?? ''} onChange={choose('mode')} />
      <NativeSelect
        label="Enabled"
        data={ENABLED}
        value={filter.enabled ?? ''}
        onChange={choose('enabled')}
      />
      <NativeSelect
        label="Infrastructure"
        // As wide without its choices as with them.
        className="wide"
        data={['', ...(infrastructures ?? []).map(({ name }) => name)].map((name) => ({
          value: name,
          label: name || 'Any',
        }))}
        value={filter.infrastructure ?? ''}
        onChange={choose('infrastructure')}
      />
      <TextInput
        label="Label"
        placeholder="team=web"
        defaultValue={inLine([filter.label ?? []].flat())}
        onBlur={(event) => {
          onChange({ label: fromLine(event.currentTarget.value) });
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter') event.currentTarget.blur();
        }}
      />
      <NativeSelect label="Sort" data={SORTS} value={filter.sort ?? ''} onChange={choose('sort')} />
    </Group>
  );
}
