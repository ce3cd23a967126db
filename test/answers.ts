/** Checks what the program answers against its own description (`GET /docs-json`), which each run reads once. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv2020, { type ValidateFunction } from 'ajv/dist/2020';
import addFormats from 'ajv-formats';

interface Description {
  paths: Record<string, Record<string, { responses: Record<string, { content?: Record<string, object> }> }>>;
}

export interface Answered {
  method: string;
  /** As it was asked, below the program's base path. */
  path: string;
  status: number;
  /** `Content-Type`, without parameters. */
  type: string;
  body: unknown;
}

const ID = 'monscale';
const escape = (part: string): string => part.replaceAll('~', '~0').replaceAll('/', '~1');

export class Answers {
  private readonly ajv = addFormats(new Ajv2020({ strict: false, allErrors: true }));
  private readonly checks = new Map<string, ValidateFunction | undefined>();
  private readonly templates: { template: string; segments: string[] }[];

  constructor(private readonly description: Description) {
    this.ajv.addSchema(description, ID);
    this.templates = Object.keys(description.paths).map((template) => ({
      template,
      segments: template.split('/'),
    }));
  }

  /** Returns what is wrong with an answer in words; undefined where it is as described. */
  problem({ method, path, status, type, body }: Answered): string | undefined {
    const [pathname = ''] = path.split('?');
    const template = this.templateOf(pathname, method.toLowerCase());
    // What has no route is refused.
    if (template === undefined)
      return status >= 400 && status < 500 && type === 'application/problem+json'
        ? undefined
        : `${method} ${pathname} is not in the API's description`;
    const what = `${method} ${template} ${status}`;
    const key = `${what} ${type}`;
    if (!this.checks.has(key))
      this.checks.set(key, this.checkFor(template, method.toLowerCase(), status, type));
    const check = this.checks.get(key);
    if (check === undefined)
      return `${what} (${type}) has no schema; declare it beside the route by @Answers(…)`;
    if (check(body)) return undefined;
    const wrong = check
      .errors!.slice(0, 5)
      .map(({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`);
    return `${what} is not as its schema says: ${wrong.join('; ')}; ${JSON.stringify(body).slice(0, 500)}`;
  }

  /** Of two that fit, the one with fewer variables. */
  private templateOf(pathname: string, method: string): string | undefined {
    const parts = pathname.split('/');
    const variables = (segments: readonly string[]) => segments.filter((one) => one.startsWith('{')).length;
    return this.templates
      .filter(({ template, segments }) => segments.length === parts.length && method in this.description.paths[template]! &&
        segments.every((one, index) => (one.startsWith('{') ? parts[index] !== '' : one === parts[index])))
      .sort((one, other) => variables(one.segments) - variables(other.segments))[0]?.template;
  } // prettier-ignore

  private checkFor(
    template: string,
    method: string,
    status: number,
    type: string,
  ): ValidateFunction | undefined {
    const { responses } = this.description.paths[template]![method]!;
    const name = [String(status), `${String(status)[0]}XX`].find(
      (one) => responses[one]?.content?.[type] !== undefined,
    );
    if (name === undefined) return undefined;
    const pointer = ['paths', template, method, 'responses', name, 'content', type, 'schema']
      .map(escape)
      .join('/');
    return this.ajv.compile({ $ref: `${ID}#/${pointer}` });
  }
}

let known: Promise<Answers | undefined> | undefined;

/** Throws where an answer is not as the API's description says. @param url of the process that answered */
export async function checkAnswer(url: string, token: string, answered: Answered): Promise<void> {
  if (answered.path.startsWith('/docs')) return;
  known ??= read(url, token).catch(() => undefined);
  const answers = await known;
  // A process without the role api has no description: the next one is asked.
  if (answers === undefined) return void (known = undefined);
  const problem = answers.problem(answered);
  if (problem !== undefined) throw new Error(problem);
}

/** Reads the description that another spec of this run has kept, or asks for it. */
async function read(url: string, token: string): Promise<Answers | undefined> {
  const kept = join(process.env.TEST_FOLDER!, 'api-description.json');
  if (!existsSync(kept)) {
    const answer = await fetch(`${url}/docs-json`, { headers: { Authorization: `Bearer ${token}` } });
    if (!answer.ok) return undefined;
    const own = `${kept}.${process.pid}`;
    writeFileSync(own, await answer.text());
    renameSync(own, kept);
  }
  return new Answers(JSON.parse(readFileSync(kept, 'utf8')) as Description);
}
