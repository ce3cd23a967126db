import type { Type } from '@nestjs/common';
import { fieldsOf, type Field } from '../common/fields';
import { mapValues } from '../common/records';
import { renderTemplate, TemplateBudget } from '../common/templates';

type Params = Record<string, unknown>;

/** Params with their templates rendered over a trigger's variables. Throws when a template fails, or all take too much. */
export function rendered<P extends object>(
  cls: Type<P>,
  params: P,
  variables: object,
  budget = new TemplateBudget(),
): P {
  const made = Object.create(cls.prototype as object) as Params;
  for (const field of fieldsOf(cls)) {
    const value = (params as Params)[field.name];
    if (value !== undefined) made[field.name] = renderField(field, value, variables, budget);
  }
  return made as P;
}

function renderField(
  { options, nested, list }: Field,
  value: unknown,
  variables: object,
  budget: TemplateBudget,
): unknown {
  if (nested && list) return (value as object[]).map((item) => rendered(nested(), item, variables, budget));
  if (nested) return rendered(nested(), value as object, variables, budget);
  if (options.template === undefined) return value;
  return render(value, (text) => renderTemplate(text, options.template!, variables, budget));
}

function render(value: unknown, write: (text: string | number) => string): unknown {
  if (typeof value === 'string' || typeof value === 'number') return write(value);
  if (Array.isArray(value)) return value.map((item) => render(item, write));
  if (typeof value !== 'object' || value === null) return value;
  return mapValues(value as Params, (item) => render(item, write));
}
