import { Body, Controller, Get, Headers, HttpCode, Post, Query, Res } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiBody,
  ApiConsumes,
  ApiOperation,
  ApiProduces,
  ApiQuery,
  ApiTags,
} from '@nestjs/swagger';
import { Needs } from '../auth/access';
import { RouteConfig } from '../common/route-config';
import type { FastifyReply } from 'fastify';
import { ActionRegistry } from '../actions/action-registry';
import { LONG_BODY, YAML_BODY, YAML_TYPES } from '../api/raw-body';
import { checked } from '../common/check';
import { InvalidInput, type FieldError } from '../common/errors';
import { Choice, Text } from '../common/fields';
import { managerOfSet } from '../database/managed';
import { MetricRegistry } from '../metrics/metric-registry';
import { entriesOf } from './document';
import { Export, type Exported } from './export';
import { Import, sentence, type Plan, type Skipped } from './import';
import { entriesOf2014, type Unmappable } from './monscale-2014';
import { fromLongYaml, toLongYaml } from './long-documents';
import { Answers, flag, list, object, shape, someObject, text } from '../common/shapes';

class ExportQuery {
  @Choice(['json', 'yaml'], { description: 'How it is written; else Accept says', optional: true })
  format?: string;
}

class ImportQuery {
  @Choice(['true', 'false'], { description: 'true: answers what would be done, and does nothing' })
  dryRun = 'false';

  @Choice(['unmappable'], {
    description: 'Of an export of monscale 2014: leaves out what can not be taken, and what uses it',
    optional: true,
  })
  skip?: string;

  @Text({
    description:
      'Name of a set: what the import creates belongs to it, and `prune` may delete it later; what others made never does',
    optional: true,
    maxLength: 100,
    pattern: /^[a-zA-Z0-9][a-zA-Z0-9._-]*$/,
    patternHint: 'must be of letters, digits, dots, - and _',
  })
  set?: string;

  @Choice(['true', 'false'], {
    description: 'true: deletes what belongs to `set` and the document no longer has',
  })
  prune = 'false';

  @Choice(['true', 'false'], {
    description: 'true: changes also what the rules directory manages, until its files change next; else 409',
  })
  force = 'false';

  problems(): FieldError[] {
    return this.prune === 'true' && this.set === undefined
      ? [{ pointer: '/prune', detail: 'needs `set`: what belongs to nobody is not deleted' }]
      : [];
  }
}

const EXPORTED = shape('Exported', someObject);
const NAMED = { kind: text, name: text };
const WRONG = list(object({ pointer: text, detail: text }));
const PLAN = shape(
  'Plan',
  object(
    {
      dryRun: flag,
      created: list(object(NAMED, { token: text })),
      updated: list(object({ ...NAMED, changes: list(text) })),
      unchanged: list(object(NAMED)),
      errors: WRONG,
    },
    {
      deleted: list(object(NAMED)),
      kept: list(object({ ...NAMED, detail: text })),
      skipped: list(object({ pointer: text, ...NAMED, detail: text })),
      notes: WRONG,
    },
  ),
);

/** Routes for all definitions as one document, such as a file under version control. */
@ApiTags('transfer')
@ApiBearerAuth()
@Controller('api/v1')
export class TransferController {
  constructor(
    private readonly exporter: Export,
    private readonly importer: Import,
    private readonly metrics: MetricRegistry,
    private readonly actions: ActionRegistry,
  ) {}

  @Get('export')
  @Needs('viewer')
  @ApiQuery({ type: ExportQuery })
  @ApiProduces('application/json', 'application/yaml')
  @Answers(EXPORTED)
  @ApiOperation({ summary: 'Every definition as one document, ordered by name; secrets are left out' })
  async export(
    @Query() query: unknown,
    @Headers('accept') accept: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Exported | string> {
    const { format } = checked(ExportQuery, query);
    const document = await this.exporter.document();
    if ((format ?? (isYaml(accept) ? 'yaml' : 'json')) === 'json') return document;
    void reply.type('application/yaml; charset=utf-8');
    return toLongYaml(document);
  }

  @Post('import')
  @Needs('editor')
  @HttpCode(200)
  @RouteConfig({ ...YAML_BODY, ...LONG_BODY })
  @ApiQuery({ type: ImportQuery })
  @ApiConsumes('application/json', ...YAML_TYPES)
  @ApiBody({
    schema: { type: 'object', description: 'A document of GET /export, or the list monscale 2014 exported' },
  })
  @Answers(PLAN)
  @ApiOperation({
    summary: 'Creates and changes what a document defines, all or nothing; deletes only by `prune`',
  })
  async import(
    @Body() body: unknown,
    @Query() query: unknown,
    @Headers('content-type') type: string | undefined,
  ): Promise<Plan> {
    const { dryRun, skip, set, prune } = checked(ImportQuery, query);
    const document = isYaml(type) && typeof body === 'string' ? await fromLongYaml(body) : body;
    const owner = set === undefined ? undefined : { manager: managerOfSet(set), prune: prune === 'true' };
    const options = { dryRun: dryRun === 'true', skip: skip === 'unmappable', owner };
    const errors: FieldError[] = [];
    if (!Array.isArray(document)) {
      if (options.skip)
        throw new InvalidInput([{ pointer: '/skip', detail: 'is for what monscale 2014 exported alone' }]);
      return this.importer.run(entriesOf(document, errors), errors, options);
    }
    const has = { metrics: new Set(this.metrics.types()), actions: new Set(this.actions.types()) };
    if (owner !== undefined)
      throw new InvalidInput([
        { pointer: '/set', detail: 'is for a document, not for what monscale 2014 exported' },
      ]);
    const { entries, thresholds, notes, errors: wrong } = await entriesOf2014(document, has);
    errors.push(...wrong);
    if (!options.skip) errors.push(...thresholds.flatMap((threshold) => threshold.errors));
    const plan = await this.importer.run(entries, errors, options);
    const skipped = [...(options.skip ? thresholds.map(leftOut) : []), ...(plan.skipped ?? [])];
    const left = new Set(skipped.map(({ pointer }) => pointer));
    return {
      ...plan,
      ...(options.skip ? { skipped } : {}),
      notes: notes.filter(({ pointer }) => !isWithinAny(pointer, left)),
    };
  }
}

const leftOut = ({ pointer, name, errors }: Unmappable): Skipped => ({
  pointer,
  kind: 'threshold',
  name,
  detail: sentence(errors),
});

const isWithinAny = (pointer: string, outer: ReadonlySet<string>): boolean =>
  outer.has(pointer) ||
  [...pointer.matchAll(/\//g)].some(({ index }) => index > 0 && outer.has(pointer.slice(0, index)));

const isYaml = (type: string | undefined): boolean =>
  YAML_TYPES.some((yaml) => type?.split(',')[0]!.trim().toLowerCase().startsWith(yaml));
