import type { Type } from '@nestjs/common';
import { fieldsOf, type Field } from '../common/fields';
import { mapValues } from '../common/records';
import { renderTemplate, type TemplateMode } from '../common/templates';

type Params = Record<string, unknown>;

/** Params with their templates rendered over a trigger's variables. Throws when a template fails. */
export function rendered<P extends object>(cls: Type<P>, params: P, variables: object): P {
  const made = Object.create(cls.prototype as object) as Params;
  for (const field of fieldsOf(cls)) {
    const value = (params as Params)[field.name];
    if (value !== undefined) made[field.name] = renderField(field, value, variables);
  }
  return made as P;
}

function renderField({ options, nested, list }: Field, value: unknown, variables: object): unknown {
  if (nested && list) return (value as object[]).map((item) => rendered(nested(), item, variables));
  if (nested) return rendered(nested(), value as object, variables);
  return options.template === undefined ? value : render(value, options.template, variables);
}

function render(value: unknown, mode: TemplateMode, variables: object): unknown {
  if (typeof value === 'string' || typeof value === 'number') return renderTemplate(value, mode, variables);
  if (Array.isArray(value)) return value.map((item) => render(item, mode, variables));
  if (typeof value !== 'object' || value === null) return value;
  return mapValues(value as Params, (item) => render(item, mode, variables));
}
