import type { FastifyRequest } from 'fastify';

/** Config of a route that takes the bytes of its body, of any type: a signature is over bytes. */
export const RAW_BODY = { rawBody: true } as const;
/** Config of a route that takes forms besides JSON. */
export const FORM_BODY = { formBody: true } as const;
/** Config of a route that takes YAML besides JSON. */
export const YAML_BODY = { yamlBody: true } as const;
/** Config of a route whose JSON may be as long as any body; elsewhere it is limited to one definition. */
export const LONG_BODY = { longBody: true } as const;

export const takesLongBody = (request: FastifyRequest): boolean =>
  takesRawBody(request) || has(LONG_BODY, request);
export const takesRawBody = (request: FastifyRequest): boolean => has(RAW_BODY, request);
export const takesForms = (request: FastifyRequest): boolean => has(FORM_BODY, request);
export const takesYaml = (request: FastifyRequest): boolean => has(YAML_BODY, request);

const has = (config: object, { routeOptions }: FastifyRequest): boolean =>
  Object.keys(config).every((name) => name in (routeOptions.config as object));

const JSON_TYPES = ['application/json', 'application/merge-patch+json'];
/** Media type of YAML (RFC 9512), and older names that are still sent. */
export const YAML_TYPES = ['application/yaml', 'text/yaml', 'application/x-yaml'];
const FORM_TYPE = 'application/x-www-form-urlencoded';

export type BodyKind = 'raw' | 'json' | 'yaml' | 'form';

/** Returns how a body is read, by its media type and its route; undefined when the route does not take that type. */
export function kindOf(request: FastifyRequest): BodyKind | undefined {
  if (takesRawBody(request)) return 'raw';
  const essence = essenceOf(request.headers['content-type']);
  if (JSON_TYPES.includes(essence)) return 'json';
  if (YAML_TYPES.includes(essence) && takesYaml(request)) return 'yaml';
  return essence === FORM_TYPE && takesForms(request) ? 'form' : undefined;
}

export const isJson = (contentType: string | undefined): boolean =>
  JSON_TYPES.includes(essenceOf(contentType));

const essenceOf = (contentType = ''): string => contentType.split(';', 1)[0]!.trim().toLowerCase();

/** Returns a sentence saying which types are right, for a body of a type that its route does not take. */
export function wrongMediaType(request: FastifyRequest): string {
  const { 'content-type': type = '' } = request.headers;
  const right = [
    'application/json',
    ...(takesForms(request) ? ['application/x-www-form-urlencoded'] : []),
    ...(takesYaml(request) ? ['application/yaml'] : []),
  ].join(' or ');
  const forgotten = type.startsWith('application/x-www-form-urlencoded')
    ? '; curl -d says so where no header is given'
    : '';
  return type === ''
    ? `the body has no Content-Type; send Content-Type: ${right}`
    : `the Content-Type ${JSON.stringify(type.slice(0, 100))} is not taken here; send Content-Type: ${right}${forgotten}`;
}
