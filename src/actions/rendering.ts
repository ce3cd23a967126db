import { join } from 'node:path';
import type { Type } from '@nestjs/common';
import { fieldsOf, type Field } from '../common/fields';
import { mapValues } from '../common/records';
import { AT_ONCE, renderTemplate, TemplateLimit, WorkingTime, type TemplateMode } from '../common/templates';
import { threadTask } from '../common/thread-pool';

/** Time limit of rendering all templates of an action on a thread, milliseconds, waiting included. */
const RENDER_MS = 5_000;

type Params = Record<string, unknown>;

export interface Template {
  template: string | number;
  mode: TemplateMode;
}

export interface Rendering {
  templates: Template[];
  variables: object;
}

type Render = (template: string | number, mode: TemplateMode) => string;

const renderOnThread = threadTask<Rendering, string[]>('actions', join(__dirname, 'rendering.thread'));

/**
 * Returns params with their templates rendered over a trigger's variables: on the event loop if that is quick, as for
 * nearly all, else on a thread.
 *
 * @throws Error when a template fails
 * @throws TooCostly when they take too long
 * @throws Unavailable when they can't be rendered now
 */
export async function renderedInTime<P extends object>(
  cls: Type<P>,
  params: P,
  variables: object,
): Promise<P> {
  try {
    return rendered(cls, params, variables);
  } catch (error) {
    if (!(error instanceof TemplateLimit)) throw error;
  }
  const templates: Template[] = [];
  eachRendered(cls, params, (template, mode) => {
    templates.push({ template, mode });
    return '';
  });
  const bytes = templates.reduce((sum, { template }) => sum + String(template).length, 0);
  const limits = { timeoutMs: RENDER_MS, bytes, what: 'a template', deed: 'render' } as const;
  const texts = (await renderOnThread({ templates, variables }, limits)).values();
  return eachRendered(cls, params, () => texts.next().value!);
}

/**
 * Like `renderedInTime`, on the event loop only.
 *
 * @throws Error when a template fails
 * @throws TemplateLimit when they take too long for the event loop
 */
export function rendered<P extends object>(cls: Type<P>, params: P, variables: object): P {
  const together = new WorkingTime(AT_ONCE.renderLimit);
  return eachRendered(cls, params, (template, mode) =>
    renderTemplate(template, mode, variables, AT_ONCE, together),
  );
}

/** Returns params with each template replaced by what `render` returns, in the order of the fields. */
function eachRendered<P extends object>(cls: Type<P>, params: P, render: Render): P {
  const made = Object.create(cls.prototype as object) as Params;
  for (const field of fieldsOf(cls)) {
    const value = (params as Params)[field.name];
    if (value !== undefined) made[field.name] = fieldOf(field, value, render);
  }
  return made as P;
}

function fieldOf({ options, nested, list }: Field, value: unknown, render: Render): unknown {
  if (nested && list) return (value as object[]).map((item) => eachRendered(nested(), item, render));
  if (nested) return eachRendered(nested(), value as object, render);
  return options.template === undefined ? value : valueOf(value, options.template, render);
}

function valueOf(value: unknown, mode: TemplateMode, render: Render): unknown {
  if (typeof value === 'string' || typeof value === 'number') return render(value, mode);
  if (Array.isArray(value)) return value.map((item) => valueOf(item, mode, render));
  if (typeof value !== 'object' || value === null) return value;
  return mapValues(value as Params, (item) => valueOf(item, mode, render));
}
