/** What the program may answer, by its own description (`GET /docs-json`). */
import Ajv2020, { type ValidateFunction } from 'ajv/dist/2020';
import addFormats from 'ajv-formats';

export interface Description {
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
  /** Those of a method by the number of their segments. */
  private readonly templates = new Map<string, { template: string; segments: string[] }[]>();

  constructor(private readonly description: Description) {
    this.ajv.addSchema(description, ID);
    for (const [template, methods] of Object.entries(description.paths)) {
      const segments = template.split('/');
      for (const method of Object.keys(methods)) {
        const key = `${method} ${segments.length}`;
        this.templates.set(key, [...(this.templates.get(key) ?? []), { template, segments }]);
      }
    }
  }

  /** Returns what is wrong with an answer in words; undefined where it is as described. */
  problem({ method, path, status, type, body }: Answered): string | undefined {
    // A path may end with a slash more.
    const pathname = path.split('?', 1)[0]!.replace(/(?<=.)\/$/, '');
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
    const fitting = (this.templates.get(`${method} ${parts.length}`) ?? []).filter(({ segments }) =>
      segments.every((one, index) => (one.startsWith('{') ? parts[index] !== '' : one === parts[index])),
    );
    return fitting.sort((one, other) => variables(one.segments) - variables(other.segments))[0]?.template;
  }

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
