import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { classesOfFields, describeFields, jsonSchemaOf } from '../common/fields';
import { namedShapes, PROBLEM } from '../common/shapes';

/** Adds `GET /docs` (Swagger UI) and `GET /docs-json`, made from the controllers and the classes of fields. */
export function describeApi(app: NestFastifyApplication): void {
  const description = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('monscale')
    .setDescription('Watches services, decides by rules, acts once, and can always say why.')
    .setVersion('1')
    .addBearerAuth()
    .build();
  const document = () => {
    describeFields();
    return withFields(SwaggerModule.createDocument(app, description));
  };
  SwaggerModule.setup('docs', app, document, {
    jsonDocumentUrl: 'docs-json',
    swaggerOptions: { persistAuthorization: true },
  });
}

/**
 * Replaces schemas of bodies by those of the declarations that check them (OpenAPI 3.1 uses JSON Schema), and adds the
 * shapes of answers, and the problems that every route may answer.
 */
function withFields(document: OpenAPIObject): OpenAPIObject {
  const components = (document.components ??= {});
  const schemas = (components.schemas ??= {});
  for (const cls of classesOfFields()) {
    // What is shown has more than what is sent: here it is not closed.
    const { additionalProperties: _, ...schema } = jsonSchemaOf(cls);
    if (cls.name in schemas) schemas[cls.name] = schema;
  }
  Object.assign(schemas, namedShapes());
  // In an order that does not go by what a process has loaded first.
  components.schemas = Object.fromEntries(
    Object.entries(schemas).sort(([one], [other]) => (one < other ? -1 : 1)),
  );
  for (const path of Object.values(document.paths))
    for (const { responses } of Object.values(path) as { responses?: Responses }[])
      if (responses !== undefined) addProblems(responses);
  return document;
}

const PROBLEMS = {
  description: 'problem+json (RFC 9457); `errors` names each wrong field by its JSON pointer',
  content: { 'application/problem+json': { schema: PROBLEM } },
};

type Responses = Record<string, { description?: string; content?: object }>;

/** Adds the problems to the answers of a route; some formats have refusals of their own besides. */
function addProblems(responses: Responses): void {
  for (const status of ['4XX', '5XX'])
    responses[status] = {
      ...PROBLEMS,
      content: { ...responses[status]?.content, ...PROBLEMS.content },
    };
}
