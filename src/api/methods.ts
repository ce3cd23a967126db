/** Answers for requests without a route: 404, or 405 (204 to OPTIONS) with the methods that the path takes. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { problem } from '../common/problem.filter';

/** Methods of each route, by its path in segments. */
class RouteMethods {
  private readonly routes = new Map<string, { segments: string[]; methods: Set<string> }>();

  add(url: string, methods: readonly string[]): void {
    const route = this.routes.get(url) ?? { segments: url.split('/'), methods: new Set<string>() };
    for (const method of methods) route.methods.add(method);
    this.routes.set(url, route);
  }

  of(path: string): string[] {
    // A slash at the end makes no other path, to the router neither.
    const segments = path.replace(/(?<=.)\/$/, '').split('/');
    const fitting = [...this.routes.values()].filter((route) => fits(route.segments, segments));
    return [...new Set(fitting.flatMap(({ methods }) => [...methods]))].sort();
  }
}

function fits(route: readonly string[], path: readonly string[]): boolean {
  if (route.at(-1) === '*')
    return path.length >= route.length && fits(route.slice(0, -1), path.slice(0, route.length - 1));
  return (
    route.length === path.length &&
    route.every((segment, index) => (segment.startsWith(':') ? path[index] !== '' : segment === path[index]))
  );
}

/**
 * Answers requests without a route; must be called before routes are added.
 *
 * @param hasDocs whether there is `/docs` to point to
 */
export function answerUnrouted(fastify: FastifyInstance, hasDocs: boolean): void {
  const methods = new RouteMethods();
  fastify.addHook('onRoute', ({ url, method }) => methods.add(url, [method].flat()));
  fastify.addHook('onRequest', (request, reply, done) => {
    if (request.is404) unrouted(methods, hasDocs, request, reply);
    else done();
  });
}

/** Answers one request without a route. The query is not repeated: it may hold a token. */
function unrouted(
  methods: RouteMethods,
  hasDocs: boolean,
  { method, url }: FastifyRequest,
  reply: FastifyReply,
): void {
  const [path = ''] = url.split('?');
  const taken = methods.of(path);
  if (taken.length === 0) {
    const hint = hasDocs ? '; GET /docs shows what there is' : '';
    return void refuse(reply, 404, `There is nothing at ${path.slice(0, 200)}${hint}`);
  }
  void reply.header('Allow', taken.join(', '));
  if (method === 'OPTIONS') return void reply.status(204).send();
  refuse(reply, 405, `${path.slice(0, 200)} does not take ${method}, only ${taken.join(', ')}`);
}

const refuse = (reply: FastifyReply, status: number, detail: string) =>
  void reply.status(status).type('application/problem+json').send(problem(status, detail));
