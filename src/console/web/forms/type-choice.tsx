import type { CatalogueEntry } from '../api/shapes';
import { ChoiceField } from './choice-field';
import { useField } from './problems';
import { required } from './required';
import { SchemaFields } from './schema-fields';
import { isObject, type Json, type JsonObject } from './values';

interface TypeChoiceProps {
  entries: readonly CatalogueEntry[];
  /** `{type, params, …}` */
  value: JsonObject;
  pointer: string;
  onChange: (value: JsonObject) => void;
}

/** A mapping, chosen by its title, and its params. What two types have in common stays when another is chosen. */
export function TypeChoice({ entries, value, pointer, onChange }: TypeChoiceProps) {
  const field = useField(`${pointer}/type`);
  const entry = entries.find(({ type }) => type === value.type);
  const choose = (type: string | undefined) => {
    const known = Object.keys(entries.find((one) => one.type === type)?.paramsSchema.properties ?? {});
    onChange({ ...value, type, params: only(value.params, known) });
  };
  return (
    <>
      <ChoiceField
        {...field}
        {...required}
        label="Type"
        description={entry?.description}
        choices={entries.map(({ type, title }) => ({ value: type, label: title }))}
        value={typeof value.type === 'string' ? value.type : undefined}
        onChange={choose}
      />
      {entry === undefined ? null : (
        <SchemaFields
          key={entry.type}
          schema={entry.paramsSchema}
          value={value.params}
          pointer={`${pointer}/params`}
          onChange={(params) => onChange({ ...value, params })}
        />
      )}
    </>
  );
}

const only = (params: Json, names: readonly string[]): JsonObject =>
  Object.fromEntries(Object.entries(isObject(params) ? params : {}).filter(([name]) => names.includes(name)));
