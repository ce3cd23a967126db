import { Controller, Delete, Get, HttpCode, Param, Post, Query, Req } from '@nestjs/common';
import { NeedsWhole } from '../auth/access';
import { RouteConfig } from '../common/route-config';
import { ApiBearerAuth, ApiBody, ApiConsumes, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { RAW_BODY } from '../api/raw-body';
import { checked } from '../common/check';
import { PayloadTooLarge } from '../common/errors';
import { Mibs, type KnownMib } from './mibs';
import { Answers, AnswersNothing, flag, list, moment, object, shape, text, whole } from '../common/shapes';

const MAX_BYTES = 8 * 1024 * 1024;

const MIB = shape(
  'Mib',
  object(
    { name: text, builtIn: flag, names: whole, unresolved: whole },
    { missing: list(text), skipped: whole, skippedBecause: list(text), updatedAt: moment },
  ),
);

/** The list of MIB modules is whole, and has no filter. */
class MibsQuery {}

/** HTTP API of the MIB modules, which give names to the OIDs of notifications. */
@ApiTags('mibs')
@ApiBearerAuth()
@Controller('api/v1/mibs')
export class MibsController {
  constructor(private readonly mibs: Mibs) {}

  @Get()
  @NeedsWhole('viewer')
  @ApiOperation({ summary: 'MIB modules, those that are built in first' })
  @Answers(object({ items: list(MIB), total: whole }))
  async list(@Query() query: object): Promise<{ items: KnownMib[]; total: number }> {
    checked(MibsQuery, query);
    const items = await this.mibs.list();
    return { items, total: items.length };
  }

  @Post()
  @NeedsWhole('admin')
  @RouteConfig(RAW_BODY)
  @ApiConsumes('text/plain')
  @ApiBody({ schema: { type: 'string' } })
  @ApiOperation({
    summary: 'Upload a MIB module as a text, or put another version in its place; at most 8 MB',
  })
  @Answers(MIB, { status: 201 })
  upload(@Req() { body }: FastifyRequest): Promise<KnownMib> {
    const text = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
    if (text.length > MAX_BYTES) throw new PayloadTooLarge('a MIB module has at most 8 MB');
    return this.mibs.upload(text.toString('latin1'));
  }

  @Delete(':name')
  @NeedsWhole('admin')
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete an uploaded module' })
  @AnswersNothing()
  remove(@Param('name') name: string): Promise<void> {
    return this.mibs.remove(name);
  }
}
