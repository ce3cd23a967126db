/**
 * Fields of any mapping's params, drawn from its JSON Schema. Metrics, actions, policies, sources and counters of nodes
 * all use it. What the schema leaves open is edited as JSON.
 */
import { Button, Checkbox, Group, Stack, TagsInput, Textarea, TextInput } from '@mantine/core';
import type { JsonSchema } from '../api/shapes';
import { ChoiceField } from './choice-field';
import { JsonField } from './json-field';
import { MapField } from './map-field';
import { NumberField } from './number-field';
import { SecretField } from './secret-field';
import { isObject, token, withMember, type Json, type JsonObject } from './values';
import { useInputProps, type FieldProps } from './field';
import { singular, words } from './words';

interface SchemaFieldsProps {
  schema: JsonSchema;
  value: Json;
  /** JSON pointer of the value in what is sent. */
  pointer: string;
  onChange: (value: JsonObject) => void;
}

/** Every field of an object: what is required first, what is made of parts last. */
export function SchemaFields({ schema, value, pointer, onChange }: SchemaFieldsProps) {
  const object = isObject(value) ? value : {};
  const fields = Object.entries(schema.properties ?? {});
  const rank = ([name, field]: [string, JsonSchema]) =>
    (schema.required?.includes(name) ? 0 : 2) + (isPlain(field) ? 0 : 1);
  return (
    <Stack gap="sm">
      {fields
        .sort((a, b) => rank(a) - rank(b))
        .map(([name, field]) => (
          <SchemaField
            key={name}
            name={name}
            schema={field}
            isRequired={schema.required?.includes(name) ?? false}
            value={object[name]}
            pointer={`${pointer}/${token(name)}`}
            onChange={(changed) => onChange(withMember(object, name, changed))}
          />
        ))}
    </Stack>
  );
}

/** Whether a field is one line. */
const isPlain = ({ type, properties, additionalProperties }: JsonSchema): boolean =>
  type !== undefined &&
  type !== 'array' &&
  properties === undefined &&
  typeof additionalProperties !== 'object';

/** One field, by the shape of its schema. */
export function SchemaField(props: FieldProps) {
  const { schema } = props;
  if (schema.type === 'object' && schema.properties !== undefined) return <Nested {...props} />;
  if (schema.type === 'array' && schema.items?.properties !== undefined) return <ListOfObjects {...props} />;
  if (
    schema.type === 'object' &&
    isObject(schema.additionalProperties) &&
    schema.additionalProperties.type === 'string'
  )
    return <MapField {...props} />;
  if (schema.writeOnly) return <SecretField {...props} />;
  return <Plain {...props} />;
}

/** No hint of what to type stands where nothing is typed. */
const withoutHint = <T extends { placeholder?: string }>({ placeholder: _, ...input }: T) => input;

/** Longest text that is a line. */
const LINE = 1_000;

function Plain(props: FieldProps) {
  const { schema, value, onChange } = props;
  const input = useInputProps(props);
  if (schema.enum !== undefined)
    return (
      <ChoiceField
        {...withoutHint(input)}
        choices={schema.enum.map((value) => ({ value, label: value }))}
        value={typeof value === 'string' ? value : undefined}
        isOptional={!props.isRequired}
        onChange={onChange}
      />
    );
  if (schema.type === 'boolean') {
    return (
      <Checkbox
        {...withoutHint(input)}
        checked={(value ?? schema.default) === true}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
    );
  }
  if (schema.type === 'integer' || schema.type === 'number')
    return <NumberField {...input} value={value} onChange={onChange} />;
  if (schema.type === 'array')
    return (
      <TagsInput
        {...input}
        value={Array.isArray(value) ? value.map(String) : []}
        onChange={(texts) => onChange(texts.length === 0 ? undefined : texts)}
        splitChars={[',', ' ', ';']}
        acceptValueOnBlur
      />
    );
  if (schema.type !== 'string') return <JsonField {...props} />;
  // A template may be given as a number.
  const text = typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  const change = (typed: string) => onChange(typed === '' ? undefined : typed);
  return schema['x-template'] !== undefined &&
    (schema.maxLength ?? Infinity) > LINE &&
    !/url/i.test(props.name) ? (
    <Textarea
      {...input}
      autosize
      minRows={1}
      maxRows={12}
      value={text}
      onChange={(event) => change(event.currentTarget.value)}
    />
  ) : (
    <TextInput {...input} value={text} onChange={(event) => change(event.currentTarget.value)} />
  );
}

/** Fields within a field. What is optional and not set is folded away. */
function Nested({ name, schema, isRequired, value, pointer, onChange }: FieldProps) {
  const fields = (
    <SchemaFields
      schema={schema}
      value={value}
      pointer={pointer}
      onChange={(object) => onChange(Object.keys(object).length === 0 && !isRequired ? undefined : object)}
    />
  );
  return (
    <details className="fold" open={isRequired || value !== undefined}>
      <summary>{words(name)}</summary>
      {schema.description === undefined ? null : <p className="hint">{schema.description}</p>}
      {fields}
    </details>
  );
}

function ListOfObjects({ name, schema, value, pointer, onChange }: FieldProps) {
  const items = Array.isArray(value) ? (value as Json[]) : [];
  const set = (changed: Json[]) => onChange(changed.length === 0 ? undefined : changed);
  return (
    <fieldset className="group">
      <legend>{words(name)}</legend>
      {schema.description === undefined ? null : <p className="hint">{schema.description}</p>}
      <Stack gap="sm">
        {items.map((item, index) => (
          <div className="panel" key={index}>
            <SchemaFields
              schema={schema.items!}
              value={item}
              pointer={`${pointer}/${index}`}
              onChange={(changed) => set(items.with(index, changed))}
            />
            <Button variant="subtle" mt="xs" size="compact-sm" onClick={() => set(items.toSpliced(index, 1))}>
              Remove {singular(words(name))} {index + 1}
            </Button>
          </div>
        ))}
        <Group>
          <Button variant="default" size="compact-md" onClick={() => set([...items, {}])}>
            Add {singular(words(name))}
          </Button>
        </Group>
      </Stack>
    </fieldset>
  );
}
