import { TextInput, type TextInputProps } from '@mantine/core';
import { useState } from 'react';
import { typedNumber } from './values';

interface NumberFieldProps extends Omit<TextInputProps, 'value' | 'onChange'> {
  /** A text where what was typed is no number. */
  value: unknown;
  onChange: (value: number | string | undefined) => void;
}

/** A number as text: it has no spinner that a wheel turns, and what is no number stays to be seen. */
export function NumberField({ value, onChange, ...others }: NumberFieldProps) {
  const [typed, setTyped] = useState<string>();
  const shown = typed !== undefined && typedNumber(typed) === value ? typed : shownNumber(value);
  return (
    <TextInput
      {...others}
      inputMode="decimal"
      value={shown}
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        onChange(typedNumber(event.currentTarget.value));
      }}
    />
  );
}

const shownNumber = (value: unknown): string =>
  typeof value === 'number' || typeof value === 'string' ? String(value) : '';
