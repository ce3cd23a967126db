import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';

/** `GET /docs` (Swagger UI) and `GET /docs-json`, made from the controllers and the classes of fields. */
export function describeApi(app: NestFastifyApplication): void {
  const description = new DocumentBuilder()
    .setTitle('monscale')
    .setDescription('Watches services, decides by rules, acts once, and can always say why.')
    .setVersion('1')
    .addBearerAuth()
    .build();
  SwaggerModule.setup('docs', app, () => SwaggerModule.createDocument(app, description), {
    jsonDocumentUrl: 'docs-json',
    swaggerOptions: { persistAuthorization: true },
  });
}
