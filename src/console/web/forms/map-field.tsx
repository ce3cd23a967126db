import { Button, Group, Stack, TextInput } from '@mantine/core';
import { useState } from 'react';
import { SecretField } from './secret-field';
import { useField } from './problems';
import type { FieldProps } from './field';
import { isObject, type Json } from './values';
import { singular, words } from './words';

interface Row {
  key: string;
  value: Json;
}

/** Texts by name, such as labels and headers: a row each. A row without a name is not sent. */
export function MapField(props: FieldProps) {
  const { name, schema, value, pointer, onChange } = props;
  const [rows, setRows] = useState<Row[]>(() => rowsOf(value));
  const field = useField(pointer);
  // Changed from outside, by another metric type or a reload.
  const current = sameEntries(rows, value) ? rows : rowsOf(value);
  const set = (changed: Row[]) => {
    setRows(changed);
    const named = changed.filter(({ key }) => key !== '');
    onChange(
      named.length === 0 ? undefined : Object.fromEntries(named.map(({ key, value: one }) => [key, one])),
    );
  };
  if (schema.writeOnly && isObject(value) && (value.secret === true || 'env' in value || 'file' in value))
    return <SecretField {...props} />;
  return (
    <fieldset
      className="group"
      id={field.id}
      aria-describedby={field.error ? `${field.id}-problem` : undefined}
    >
      <legend>{words(name)}</legend>
      {schema.description === undefined ? null : <p className="hint">{schema.description}</p>}
      <Stack gap="xs">
        {current.map((row, index) => (
          <Group key={index} gap="xs" wrap="nowrap" align="flex-end">
            <TextInput
              style={{ flex: 1 }}
              label={index === 0 ? 'Name' : undefined}
              aria-label={`Name ${index + 1} of ${words(name)}`}
              value={row.key}
              onChange={(event) => set(current.with(index, { ...row, key: event.currentTarget.value }))}
            />
            <TextInput
              style={{ flex: 1 }}
              label={index === 0 ? 'Value' : undefined}
              aria-label={`Value ${index + 1} of ${words(name)}`}
              value={typeof row.value === 'string' ? row.value : JSON.stringify(row.value)}
              onChange={(event) => set(current.with(index, { ...row, value: event.currentTarget.value }))}
            />
            <Button
              variant="subtle"
              px="xs"
              aria-label={`Remove ${row.key || `row ${index + 1}`} from ${words(name)}`}
              onClick={() => set(current.toSpliced(index, 1))}
            >
              ✕
            </Button>
          </Group>
        ))}
        <Group>
          <Button
            variant="default"
            size="compact-md"
            onClick={() => set([...current, { key: '', value: '' }])}
          >
            Add {singular(words(name))}
          </Button>
        </Group>
        {field.error === undefined ? null : (
          <p className="problem" id={`${field.id}-problem`}>
            {field.error}
          </p>
        )}
      </Stack>
    </fieldset>
  );
}

const rowsOf = (value: Json): Row[] =>
  Object.entries(isObject(value) ? value : {}).map(([key, one]) => ({ key, value: one }));

function sameEntries(rows: readonly Row[], value: Json): boolean {
  const named = rows.filter(({ key }) => key !== '');
  const members = new Map(named.map(({ key, value: one }) => [key, one]));
  const given = Object.entries(isObject(value) ? value : {});
  return given.length === members.size && given.every(([key, one]) => members.get(key) === one);
}
