import { PasswordInput, Stack, TextInput } from '@mantine/core';
import { ChoiceField } from './choice-field';
import { useInputProps, type FieldProps } from './field';
import { isObject, type Json } from './values';

type Way = 'value' | 'env' | 'file' | 'kept';

const WAYS: Record<Exclude<Way, 'kept'>, string> = {
  value: 'A value, kept encrypted',
  env: 'An environment variable',
  file: 'A file',
};

function wayOf(value: Json): Way {
  if (!isObject(value)) return 'value';
  if (value.secret === true) return 'kept';
  return 'file' in value ? 'file' : 'env' in value ? 'env' : 'value';
}

/** A secret: what is stored is never shown, and stays where nothing else is given. */
export function SecretField(props: FieldProps) {
  const { value, onChange } = props;
  const input = useInputProps(props);
  const way = wayOf(value);
  const ways = [
    ...(way === 'kept' ? [{ value: 'kept', label: 'As it is stored' }] : []),
    ...Object.entries(WAYS).map(([one, label]) => ({ value: one, label })),
  ];
  const named = isObject(value) ? value[way] : undefined;
  const reference = typeof named === 'string' ? named : '';
  const choose = (chosen: string | undefined) => {
    if (chosen === 'value') onChange(undefined);
    else if (chosen === 'env' || chosen === 'file') onChange({ [chosen]: '' });
  };
  return (
    <Stack gap={4}>
      {way === 'value' ? (
        <PasswordInput
          {...input}
          autoComplete="off"
          value={typeof value === 'string' ? value : ''}
          onChange={(event) => onChange(event.currentTarget.value || undefined)}
        />
      ) : (
        <TextInput
          {...input}
          readOnly={way === 'kept'}
          placeholder={
            way === 'env' ? 'MONSCALE_PARAM_…' : way === 'file' ? '/run/secrets/…' : '•••••• (stored)'
          }
          value={reference}
          onChange={(event) => onChange({ [way]: event.currentTarget.value })}
        />
      )}
      <ChoiceField
        aria-label={`How ${input.label} is given`}
        size="xs"
        maw={260}
        choices={ways}
        value={way}
        onChange={choose}
      />
    </Stack>
  );
}
