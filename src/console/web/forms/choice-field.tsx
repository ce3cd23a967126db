import { NativeSelect, type NativeSelectProps } from '@mantine/core';

interface ChoiceFieldProps extends Omit<NativeSelectProps, 'data' | 'value' | 'onChange'> {
  choices: readonly { value: string; label: string }[];
  value: string | undefined;
  /** Whether one may choose nothing. */
  isOptional?: boolean;
  onChange: (value: string | undefined) => void;
}

/** One of some words, as the browser's own list: it works everywhere, by typing and by touch. */
export function ChoiceField({ choices, value, isOptional = false, onChange, ...others }: ChoiceFieldProps) {
  const isKnown = choices.some((one) => one.value === value);
  const nothing = isOptional || value === undefined || !isKnown ? [{ value: '', label: '' }] : [];
  return (
    <NativeSelect
      {...others}
      data={[...nothing, ...choices]}
      value={isKnown ? value : ''}
      onChange={(event) => onChange(event.currentTarget.value || undefined)}
    />
  );
}
