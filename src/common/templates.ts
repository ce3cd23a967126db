import { Context, Liquid, type Template } from 'liquidjs';
import { lazily } from './lazily';

/**
 * Place in which the output of a Liquid template stands. Templates are rendered over a trigger's variables; their
 * values are data, never structure: in JSON they are JSON-encoded, in a URL percent-encoded.
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

/** Limits of one rendering: time as `WorkingTime` has it, and about the number of characters made on the way. */
export interface RenderLimits {
  renderLimit: number;
  memoryLimit: number;
}

/**
 * Time for which templates may keep this process at work, milliseconds. It stands still while others have the processor:
 * a busy machine makes no template longer.
 */
export class WorkingTime {
  private readonly begun = process.cpuUsage();
  /** Moment until which it can't be over, by `performance.now()`. */
  private until: number;

  constructor(private readonly limitMs: number) {
    this.until = performance.now() + limitMs;
  }

  /**
   * Called by Liquid before each part of a template.
   *
   * @throws Error when it is over
   */
  check(now: number): void {
    if (now <= this.until) return;
    const { user, system } = process.cpuUsage(this.begun);
    const leftMs = this.limitMs - (user + system) / 1000;
    if (leftMs <= 0) throw new Error('template render limit exceeded');
    this.until = now + leftMs;
  }
}
/** Limits on the event loop; nearly every template fits. */
export const AT_ONCE: RenderLimits = { renderLimit: 20, memoryLimit: 500_000 };
/** Limits on a thread. */
export const LONG_RUN: RenderLimits = { renderLimit: 1_000, memoryLimit: 10_000_000 };

/** Template that exceeds the limits it was rendered with. */
export class TemplateLimit extends Error {}

const engines = lazily(
  () =>
    Object.fromEntries(
      (Object.keys(ESCAPES) as TemplateMode[]).map((mode) => [
        mode,
        // No file system: a template is one text and can't include another.
        new Liquid({
          outputEscape: ESCAPES[mode],
          relativeReference: false,
          templates: {},
          ownPropertyOnly: true,
          strictFilters: true,
          parseLimit: 100_000,
          ...AT_ONCE,
        }),
      ]),
    ) as Record<TemplateMode, Liquid>,
);

/** Largest number of parsed templates that are kept; when it is reached, all are dropped and parsed again as needed. */
const PARSED_AT_MOST = 1_000;
const parsed = new Map<string, Template[]>();

function parse(template: string, mode: TemplateMode, limits: RenderLimits): Template[] {
  const key = `${mode} ${template}`;
  const known = parsed.get(key);
  if (known !== undefined) return known;
  if (limits !== LONG_RUN && partsOf(template) > PARTS_AT_MOST) throw new TemplateLimit('it has many parts');
  const fresh = engines()[mode].parse(template);
  if (parsed.size >= PARSED_AT_MOST) parsed.clear();
  parsed.set(key, fresh);
  return fresh;
}

/** Largest number of values, tags and filters in a template: parsing so many takes some 30 ms. */
const PARTS_AT_MOST = 1_000;
const PART = /\{[{%]|\|/g;
const partsOf = (template: string): number => template.match(PART)?.length ?? 0;

/** Value with the filter `json`, which the mode `json` would encode a second time. */
const TWICE = /\{\{[^{}]*\|\s*json\b/;

/** Returns why a text is no valid template, as a sentence; undefined when it is one. */
export function templateProblem(text: string, mode: TemplateMode): string | undefined {
  // A bar may stand in its text: only with values or tags it parts something.
  const parts = /\{[{%]/.test(text) ? partsOf(text) : 0;
  if (parts > PARTS_AT_MOST)
    return `has ${parts} values, tags and filters; at most ${PARTS_AT_MOST} are allowed`;
  try {
    engines()[mode].parse(text);
    if (mode === 'json' && TWICE.test(text))
      return 'writes a value as JSON twice: what stands in {{ }} is written as JSON here, so leave the filter json out';
    return undefined;
  } catch (error) {
    return `is not a valid template: ${(error as Error).message}`;
  }
}

/**
 * Returns the template's output. An unknown variable is empty.
 *
 * @param time of several templates together
 * @throws TemplateLimit when it exceeds `limits`
 * @throws Error when a tag or filter fails
 */
export function renderTemplate(
  template: string | number,
  mode: TemplateMode,
  variables: object,
  limits = AT_ONCE,
  time = new WorkingTime(limits.renderLimit),
): string {
  if (typeof template === 'number') return String(template);
  if (!template.includes('{')) return template;
  try {
    const liquid = engines()[mode];
    const parts = parse(template, mode, limits);
    const options = { sync: true, memoryLimit: limits.memoryLimit };
    // Liquid's own limit is time that goes by; of a limit it calls `check` alone.
    const renderLimit = time as unknown as Context['renderLimit'];
    const context = new Context(variables, liquid.options, options, { renderLimit, liquid });
    return liquid.renderSync(parts, context) as string;
  } catch (error) {
    const { message } = error as Error;
    if (/^(?:template render|memory alloc) limit exceeded/.test(message)) throw new TemplateLimit(message);
    throw error;
  }
}
