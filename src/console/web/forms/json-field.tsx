import { Textarea } from '@mantine/core';
import { useState } from 'react';
import { useInputProps, type FieldProps } from './field';

/** A value of any shape, as JSON; what is no JSON yet is sent as text, and the server says so at the field. */
export function JsonField(props: FieldProps) {
  const input = useInputProps(props);
  const [typed, setTyped] = useState<string>();
  const shown = props.value === undefined ? '' : JSON.stringify(props.value, null, 2);
  return (
    <Textarea
      {...input}
      className="code"
      autosize
      minRows={2}
      maxRows={16}
      value={typed ?? shown}
      onBlur={() => setTyped(undefined)}
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        props.onChange(parsed(event.currentTarget.value));
      }}
    />
  );
}

function parsed(text: string): unknown {
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
