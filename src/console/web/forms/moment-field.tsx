import { TextInput, type TextInputProps } from '@mantine/core';
import { zone } from '../app/preferences';
import { useStore } from '../app/store';
import { moment, shown } from '../parts/filters';

interface MomentFieldProps extends Omit<TextInputProps, 'value' | 'onChange'> {
  description: string;
  /** Moment as the API has it. */
  value: unknown;
  onChange: (value: string | undefined) => void;
}

/** A moment, typed in the zone one has chosen, which is named. */
export function MomentField({ value, description, onChange, ...others }: MomentFieldProps) {
  const chosen = useStore(zone);
  return (
    <TextInput
      {...others}
      type="datetime-local"
      description={`${description} (${chosen === 'utc' ? 'UTC' : 'local time'})`}
      value={shown(typeof value === 'string' ? value : undefined, chosen)}
      onChange={(event) => onChange(moment(event.currentTarget.value, chosen))}
    />
  );
}
