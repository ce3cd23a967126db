import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { classesOfFields, jsonSchemaOf } from '../common/fields';

/** Adds `GET /docs` (Swagger UI) and `GET /docs-json`, made from the controllers and the classes of fields. */
export function describeApi(app: NestFastifyApplication): void {
  const description = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('monscale')
    .setDescription('Watches services, decides by rules, acts once, and can always say why.')
    .setVersion('1')
    .addBearerAuth()
    .build();
  SwaggerModule.setup('docs', app, () => withFields(SwaggerModule.createDocument(app, description)), {
    jsonDocumentUrl: 'docs-json',
    swaggerOptions: { persistAuthorization: true },
  });
}

/** Replaces schemas of bodies by those of the declarations that check them: OpenAPI 3.1 uses JSON Schema. */
function withFields(document: OpenAPIObject): OpenAPIObject {
  const schemas = document.components?.schemas ?? {};
  for (const cls of classesOfFields()) {
    // What is shown has more than what is sent: here it is not closed.
    const { additionalProperties: _, ...schema } = jsonSchemaOf(cls);
    if (cls.name in schemas) schemas[cls.name] = schema;
  }
  return document;
}
