import { Liquid, type Template } from 'liquidjs';

/**
 * Liquid templates over a trigger's variables. Output is data, never structure: where it lands in JSON its values
 * are JSON-encoded, in a URL percent-encoded.
 */
export type TemplateMode = 'text' | 'json' | 'url';

const ESCAPES: Record<TemplateMode, (value: unknown) => string> = {
  text: plain,
  json: (value) =>
    typeof value === 'string' ? JSON.stringify(value).slice(1, -1) : (JSON.stringify(value) ?? 'null'),
  url: (value) => encodeURIComponent(plain(value)),
};

function plain(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

const LIMITS = { parseLimit: 100_000, renderLimit: 1_000, memoryLimit: 10_000_000 };

const engines = Object.fromEntries(
  (Object.keys(ESCAPES) as TemplateMode[]).map((mode) => [
    mode,
    // No file system: a template is one text and can't include another.
    new Liquid({
      outputEscape: ESCAPES[mode],
      relativeReference: false,
      templates: {},
      ownPropertyOnly: true,
      strictFilters: true,
      ...LIMITS,
    }),
  ]),
) as Record<TemplateMode, Liquid>;

/** Bounded: with more templates than this some are parsed anew. */
const PARSED_AT_MOST = 1_000;
const parsed = new Map<string, Template[]>();

function parse(template: string, mode: TemplateMode): Template[] {
  const key = `${mode} ${template}`;
  const known = parsed.get(key);
  if (known !== undefined) return known;
  const fresh = engines[mode].parse(template);
  if (parsed.size >= PARSED_AT_MOST) parsed.clear();
  parsed.set(key, fresh);
  return fresh;
}

/** A value that is made JSON by a filter, where that is done to each. */
const TWICE = /\{\{[^{}]*\|\s*json\b/;

/** Why a text is no template, as a sentence; undefined when it is one. */
export function templateProblem(text: string, mode: TemplateMode): string | undefined {
  try {
    engines[mode].parse(text);
    if (mode === 'json' && TWICE.test(text))
      return 'writes a value as JSON twice: what stands in {{ }} is written as JSON here, so leave the filter json out';
    return undefined;
  } catch (error) {
    return `is not a valid template: ${(error as Error).message}`;
  }
}

/** What templates that are rendered together may take: each is bounded, and there may be hundreds. */
export class TemplateBudget {
  private ms = LIMITS.renderLimit;
  private characters = LIMITS.memoryLimit;

  /** @throws Error when nothing is left */
  spend(work: (limits: { renderLimit: number; memoryLimit: number }) => string): string {
    if (this.ms <= 0 || this.characters <= 0)
      throw new Error(
        `the templates take more than ${LIMITS.renderLimit} ms or ${LIMITS.memoryLimit} characters together`,
      );
    const began = performance.now();
    try {
      const text = work({ renderLimit: this.ms, memoryLimit: this.characters });
      this.characters -= text.length;
      return text;
    } finally {
      this.ms -= performance.now() - began;
    }
  }
}

/** The template's output. An unknown variable is empty. Throws when a tag or filter fails, or it takes more than there is. */
export function renderTemplate(
  template: string | number,
  mode: TemplateMode,
  variables: object,
  budget = new TemplateBudget(),
): string {
  if (typeof template === 'number') return String(template);
  if (!template.includes('{')) return template;
  return budget.spend(
    (limits) => engines[mode].renderSync(parse(template, mode), variables, limits) as string,
  );
}
