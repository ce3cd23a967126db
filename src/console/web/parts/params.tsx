import type { JsonSchema } from '../api/shapes';
import { isObject } from '../forms/values';
import { labelOf } from '../forms/words';

/** Params of a mapping as they are stored, each by its label. A secret is told to be kept, and never shown. */
export function Params({
  params,
  schema,
}: {
  params: Record<string, unknown>;
  schema: JsonSchema | undefined;
}) {
  const given = Object.entries(params);
  if (given.length === 0) return <p className="hint">It has no params.</p>;
  return (
    <dl className="params">
      {given.map(([name, value]) => (
        <div key={name}>
          <dt>{labelOf(name, schema?.properties?.[name]?.['x-unit'])}</dt>
          <dd>{shown(value)}</dd>
        </div>
      ))}
    </dl>
  );
}

function shown(value: unknown) {
  if (isObject(value)) {
    if (value.secret === true) return <em>kept, and never shown</em>;
    if (Object.keys(value).length === 1 && typeof value.env === 'string')
      return <em>from the environment variable {value.env}</em>;
    if (Object.keys(value).length === 1 && typeof value.file === 'string')
      return <em>from the file {value.file}</em>;
  }
  if (typeof value === 'string') return <span className="code">{value}</span>;
  return <span className="code">{JSON.stringify(value, null, 2)}</span>;
}
