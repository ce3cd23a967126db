import type { JsonSchema } from '../api/shapes';
import { useField } from './problems';
import type { Json } from './values';
import { required } from './required';
import { hintOf, labelOf } from './words';

/** What the component of one field is given. */
export interface FieldProps {
  name: string;
  schema: JsonSchema;
  isRequired: boolean;
  value: Json;
  pointer: string;
  /** Undefined leaves the field out. */
  onChange: (value: Json) => void;
}

/** What every input of a field has. */
export function useInputProps({ name, schema, isRequired, pointer }: FieldProps) {
  const field = useField(pointer);
  return {
    ...field,
    label: labelOf(name, schema['x-unit']),
    description: hintOf(schema.description, schema['x-unit']),
    ...(isRequired ? required : {}),
    placeholder: schema.default === undefined ? undefined : shownDefault(schema.default),
  };
}

const shownDefault = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));
